"""Stage tag: supervised taggers."""
