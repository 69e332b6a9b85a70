"""The page of a run: what went in, what came out, and whether it may be trusted."""
