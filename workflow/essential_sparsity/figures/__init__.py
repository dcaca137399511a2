"""Draws tables as figures; each kind of figure is one module, listed in `kinds`."""
