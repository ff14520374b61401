"""Stage detect: anomaly scores per event and window."""
