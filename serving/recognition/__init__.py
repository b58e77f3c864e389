"""Recognizes digits and fields: normalization, network and decoding in one call."""
