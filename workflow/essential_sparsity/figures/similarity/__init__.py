"""How similar masks are to each other."""
