"""Writes a quantized run in every format of the table in `formats`."""
