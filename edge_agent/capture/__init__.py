"""Light becomes a frame: sources, triggers and the guards against frames that show no part."""
