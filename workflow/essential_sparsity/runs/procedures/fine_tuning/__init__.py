"""Sparse fine-tuning: train `m ⊙ θ` on a task with the mask held (paper, §3.1 and Table 1)."""
