"""The machinery that runs steps: what a step is, when it must run again, and how its results are kept."""
