"""Texts and classes."""

from essential_sparsity.runs.classes import Classes
from essential_sparsity.runs.texts import Texts


class TextClassification(Classes, Texts):
    """A linear head over the classes."""
