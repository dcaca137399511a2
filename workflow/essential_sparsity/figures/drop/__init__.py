"""Performance drops against sparsity, with the essential sparsity marked."""
