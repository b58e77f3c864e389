"""Proves that the formats compute the same, and names the layer where two drift apart."""
