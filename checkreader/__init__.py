"""Reads handwritten digits, amounts and numbers on bank checks."""
