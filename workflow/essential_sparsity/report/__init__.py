"""The report of a study: one page with the runs, the results, and how to repeat them."""
