"""One module per format that a model is converted to; they run in a child process and import TensorFlow there."""
