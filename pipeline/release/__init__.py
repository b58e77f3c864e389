"""Copies a verified run into `models/`, with its manifest, card and golden sets."""
