"""The study's runs and predictions as two tables, for everybody's own analysis."""
