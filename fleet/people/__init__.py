"""What people said of parts, joined with the pictures of them, as labels that a model can learn from."""
