"""Sources and tables small enough to see through."""

from typing import Any

import pyarrow as pa

NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def texts(fields: list[str], labels: list[str], **more: Any) -> dict[str, Any]:
    """Return what an example of a text classification task is."""
    return {"kind": "text-classification", "fields": fields, "labels": labels, **more}


def sentence(subject: str, number: int) -> str:
    """Return a sentence of a dozen plain words that no other subject or number has."""
    words = " ".join(NUMBERS[int(digit)] for digit in f"{number:02d}")
    return f"The {subject} returns its value number {words} when it is called with no other words."


def module(name: str, passages: int = 8) -> str:
    """Return a source whose docstring has so many passages; a function and a class have more."""
    subject = "".join(letter for letter in name if letter.isalpha())
    text = "\n\n".join(sentence(subject, number) for number in range(passages))
    function = "\n\n    ".join(sentence(f"{subject} function", number) for number in range(3))
    method = sentence(f"{subject} method", 0)
    return (
        f'"""{text}\n"""\nraise SystemExit("imported")\n\n'
        f'def call():\n    """{function}\n    """\n\n'
        f'class Thing:\n    def method(self):\n        """{method}"""\n'
    )


def rows(count: int, labels: list[int] | None = None, start: int = 0) -> pa.Table:
    """Return a table of sentence pairs with labels 0, 1, 0, …"""
    return pa.table(
        {
            "first": [f"ba be number {start + i}" for i in range(count)],
            "second": ["bi bo bu"] * count,
            "label": pa.array(labels or [i % 2 for i in range(count)], pa.int64()),
        }
    )
