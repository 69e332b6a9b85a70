"""A fact leaves the device: the MQTT link, the outbox, statistics windows."""
