"""Validation of the estimators on simulated curves whose turning points are known."""
