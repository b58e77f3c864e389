"""Draws digits, fields and pictures that are neither."""
