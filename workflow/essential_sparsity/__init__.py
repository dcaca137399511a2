"""Essential sparsity of pre-trained transformers: masks, sparse fine-tuning, statistics, figures."""

__version__ = "0.1.0"
