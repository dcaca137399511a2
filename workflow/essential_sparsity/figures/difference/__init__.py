"""By how much one kind of masks scores better than another."""
