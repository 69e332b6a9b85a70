"""Several products at one station: which is made now, and the way to another one."""
