"""Builds the networks, describes them for each stage, and computes the 8-bit ones in NumPy."""
