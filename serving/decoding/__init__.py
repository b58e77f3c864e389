"""Turns probabilities into digits, amounts and numbers, and judges whether they may be accepted."""
