"""Performance drops against N:M patterns."""
