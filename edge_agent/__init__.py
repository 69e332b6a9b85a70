"""The inspection station: light becomes a frame, a frame a verdict, a verdict a fact."""

__version__ = "0.1.0"
