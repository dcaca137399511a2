"""The report of a study: one page of what was run, what was found, how to run it again."""
