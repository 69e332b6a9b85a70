"""Recorded parts once more: through the very code that judges them on the station, and what a model would change."""
