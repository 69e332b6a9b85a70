"""Signed releases: keys, the repository of The Update Framework, and publishing into it."""
