"""The fleet service: signed versions go out, facts come back, drift is found."""
