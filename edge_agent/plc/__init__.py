"""The handshake with a PLC over Modbus TCP: rules in `handshake`, the connection in `link`."""
