"""Turns pictures into tensors: the one normalization for training, evaluation and service."""
