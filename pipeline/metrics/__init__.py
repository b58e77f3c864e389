"""Measures predictions against labels: calibration, thresholds, edit distance."""
