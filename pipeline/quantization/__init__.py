"""Makes the 8-bit sibling of a trained network."""
