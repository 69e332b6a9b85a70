"""The sub-commands of `fleet`: they read options, call the server, and print."""
