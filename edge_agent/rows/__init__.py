"""Rows of a table judged by a bundle: sensor readings instead of pictures."""
