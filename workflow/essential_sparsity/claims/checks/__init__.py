"""The tests: a module for the table that they read."""
