"""Substructure of jets, compiled: every function takes all jets of a slice, flat with offsets."""
