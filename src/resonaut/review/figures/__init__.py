"""One file per stage: what its figure shows."""
