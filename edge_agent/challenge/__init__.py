"""Challenge parts: parts with a known answer that a person presents, to see whether the station still tells them."""
