"""Calibration and edit distance: what turns answers and labels into numbers."""
