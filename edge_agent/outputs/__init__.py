"""A fact moves the gate: what is told the final verdict of each part."""
