"""What is found wrong with data, in words, and the schema that people have reviewed."""
