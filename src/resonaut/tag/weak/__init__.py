"""Learning from mixed samples."""
