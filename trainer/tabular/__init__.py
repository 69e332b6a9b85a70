"""Models for tables: reading rows, the transform, the network, its training and the graph that serves."""
