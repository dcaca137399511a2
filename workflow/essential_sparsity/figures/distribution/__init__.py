"""How weights are distributed, layer by layer."""
