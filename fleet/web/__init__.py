"""What people and programs see: HTTP API and pages."""
