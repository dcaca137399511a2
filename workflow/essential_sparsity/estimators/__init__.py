"""Estimators of essential sparsity, on plain arrays: numpy alone, no files and no study."""
