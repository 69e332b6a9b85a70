"""Predictions in bulk: a bundle over a folder of pictures or over a table, on the edge runtime, resumable."""
