"""Stage review: what a reviewer opens."""
