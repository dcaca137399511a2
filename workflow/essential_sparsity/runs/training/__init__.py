"""What procedures that train have in common."""
