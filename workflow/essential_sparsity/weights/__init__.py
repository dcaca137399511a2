"""What a model's weights are like, layer by layer: moments, near-zero shares, densities."""
