"""Sources of simulated events, one file each."""
