"""Where a blessed model goes, and what is remembered of those that went."""
