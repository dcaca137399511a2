"""What a study costs before anything starts: downloads, runs, hours, disk. Needs no network."""
