"""How good a tagger is: numbers of one, and of several on the same rows."""
