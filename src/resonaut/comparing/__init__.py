"""Two runs of a study side by side: their configuration, their numbers and their figures."""
