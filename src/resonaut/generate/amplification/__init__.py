"""How many true events a generated sample is worth (arXiv:2008.06545)."""
