"""Makes the 8-bit version of a trained network."""
