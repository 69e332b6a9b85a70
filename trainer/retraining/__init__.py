"""From a drift ticket to a new model, and the live model measured on new labels."""
