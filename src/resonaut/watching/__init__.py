"""Look at a study while it runs, after it ended, or after a crash: nothing here changes anything."""
