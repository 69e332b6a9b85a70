"""A model arrives: offered, verified, downloaded, tried, taken into use, and given back when it fails."""
