"""Which components a task consists of and how they are wired: one module a kind of data."""
