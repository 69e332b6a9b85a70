"""TFX's components as plain functions: one file each."""
