"""A trained model becomes verified variants and one reproducible bundle."""
