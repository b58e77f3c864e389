"""Reads the data sets: digits, labeled fields, and what is downloaded once."""
