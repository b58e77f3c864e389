"""Translates between bytes on the wire and the data plane's values, in pure functions without I/O."""
