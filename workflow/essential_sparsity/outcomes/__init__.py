"""Finished runs, read back: checked, and in the groups that are resampled together."""
