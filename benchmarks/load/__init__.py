"""Puts closed- or open-loop load on a service."""
