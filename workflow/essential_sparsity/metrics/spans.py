"""Answers that are texts: the shares that SQuAD's rules give each question, beside predictions."""

from dataclasses import replace

from essential_sparsity.metrics.metric import share_of

METRICS = (
    replace(share_of("f1"), name="span-f1", title="F1", unit="% F1"),
    replace(share_of("exact"), name="exact-match", title="exact match", unit="% EM"),
)
