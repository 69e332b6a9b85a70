"""Scores become a verdict. Rules only: values in, values out."""
