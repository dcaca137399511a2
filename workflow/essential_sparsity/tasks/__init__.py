"""Brings a downstream task's examples, tokenised once, into one checked folder."""
