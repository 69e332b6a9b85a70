"""The cloud side: training images become a blessed, signed-ready model bundle."""
