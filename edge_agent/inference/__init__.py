"""A frame becomes scores: the interpreter (the only import of a TFLite runtime) and what runs around it."""
