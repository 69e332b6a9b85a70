"""Training of a table's model on several devices, or by several processes on one machine or many."""
