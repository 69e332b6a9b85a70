"""How good a model is for inspection, by part: rates with intervals, limits, slices, thresholds. Rules, no pictures."""
