"""Speaks gRPC."""
