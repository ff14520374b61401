"""The archive of a study: one zip file that a reviewer reads, checks and runs again."""
