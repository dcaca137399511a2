"""Repair: what lies in the results and is damaged is found, removed, and made again."""
