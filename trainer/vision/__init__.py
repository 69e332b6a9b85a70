"""Inspection by picture: the network, its training, its export and its measures."""
