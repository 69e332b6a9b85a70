"""A first recipe from a look at the data, for people to go on from."""
