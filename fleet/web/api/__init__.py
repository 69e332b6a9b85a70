"""The HTTP API below /api/v1, one module per noun; the registry for devices lies below /registry."""
