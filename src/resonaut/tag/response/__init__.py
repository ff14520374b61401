"""How a tagger changes where its inputs are varied."""
