"""Reads whole folders, in local processes or on a Ray cluster."""
