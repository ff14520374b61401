"""Checks of a machine and of a study before anything is run, each with what mends it."""
