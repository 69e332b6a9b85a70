"""Simulated devices: enrolled like real ones, running the real agent code, speaking the real protocol."""
