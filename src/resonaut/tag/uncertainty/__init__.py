"""Uncertainty of networks and calibration of their probabilities."""
