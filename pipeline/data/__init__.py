"""Reads the data sets: digits, labeled fields, and downloads."""
