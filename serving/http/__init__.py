"""Speaks HTTP: endpoints, admission control, access log and metrics."""
