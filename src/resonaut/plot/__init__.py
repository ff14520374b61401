"""Ground floor: one style, one function per kind of figure."""
