"""Stage simulate: Pythia 8 events through a parametrised detector, to ROOT files."""
