"""The broker's side of identity: accounts, rules, files for Mosquitto, and the brokers that `fleet serve` can start."""
