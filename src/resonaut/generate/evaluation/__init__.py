"""How close generated rows are to real ones that were not learnt from."""
