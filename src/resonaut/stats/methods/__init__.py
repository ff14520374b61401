"""Background functions, one file each."""
