"""Sample parts: camera-like pictures of machined surfaces, so that everything can be tried without own data."""
