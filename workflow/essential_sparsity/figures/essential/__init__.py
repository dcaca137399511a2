"""All essential sparsities of a study side by side."""
