"""The sub-commands of `trainer`; what is heavy is imported inside them."""
