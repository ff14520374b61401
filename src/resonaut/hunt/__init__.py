"""Stage hunt: selected spectra and background fits over the scan."""
