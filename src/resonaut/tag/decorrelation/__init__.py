"""How selected background follows a variable."""
