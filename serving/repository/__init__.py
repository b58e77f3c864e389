"""Opens a models folder, checks its files, and holds models against their golden answers."""
