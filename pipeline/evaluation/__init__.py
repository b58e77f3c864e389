"""Measures accuracy, calibration, rejection, robustness and speed."""
