"""The rows that taggers learn from and score: read from representations, split, streamed."""
