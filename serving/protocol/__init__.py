"""Protocols: pure functions between bytes on the wire and the data plane's values; no I/O."""
