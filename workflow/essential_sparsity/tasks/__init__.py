"""Brings a downstream task's examples, made ready once, into one checked folder."""
