"""The station as a service of the system: a unit for systemd, and what systemd is told while it runs."""
