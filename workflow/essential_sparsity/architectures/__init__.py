"""Model families: which of their matrices are prunable, and what those are called."""
