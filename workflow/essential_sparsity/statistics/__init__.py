"""Turns runs and masks into the tidy tables that stand behind the figures."""
