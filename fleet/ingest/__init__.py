"""Ingest: what devices say is read, committed once, and acknowledged."""
