"""Distorts digits and fields while a network trains."""
