"""Essential sparsity of pre-trained transformers: masks, fine-tuning, statistics, figures."""

__version__ = "0.1.0"
