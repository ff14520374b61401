"""Which shower a hit belongs to, where two of them overlap."""
