"""From an artifact back to the data, and on to the devices: as text and as a graph."""
