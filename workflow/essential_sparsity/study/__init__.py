"""A study: its document, the catalog it draws on, and the jobs that follow from both."""
