"""Labels from people, joined with the labels a model was trained on."""
