"""Serves the page for people."""
