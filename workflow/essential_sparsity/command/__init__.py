"""The command `essential-sparsity`: masks of any checkpoint, without a study and its pipeline."""
