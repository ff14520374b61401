"""Generators, one file each."""
