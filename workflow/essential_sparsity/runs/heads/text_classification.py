"""Texts and classes."""

from essential_sparsity.runs.heads.head import Classes, Texts


class TextClassification(Classes, Texts):
    """A linear head over the classes."""


HEAD = TextClassification
