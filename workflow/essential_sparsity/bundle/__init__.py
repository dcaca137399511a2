"""A study's results as one file to hand over: what its figures need, with a checksum of each."""
