"""Cuts documentation text into short passages of running prose."""

import re
from collections.abc import Iterator

# A passage has at least so many words, and ends with the sentence that takes it past ENOUGH_WORDS.
MIN_WORDS = 8
ENOUGH_WORDS = 14
MAX_WORDS = 40

_RULE = re.compile(r"^\s*([-=~*^#_\"'+.])\1{2,}\s*$")
_BULLET = re.compile(r"^\s*(?:[-*•+]|\d+[.)])\s+")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]?\s+(?=[\"'(\[]?[A-Z])")
_WORD = re.compile(r"[A-Za-z]{2,}")


def passages_of(text: str) -> Iterator[str]:
    """Yield the passages of a docstring or a reference page, in order.

    Left out: interpreter sessions (`>>>`) with their output, rules under headings, grammar, code,
    and what has fewer than `MIN_WORDS` words.
    """
    for paragraph in _paragraphs(text):
        yield from _pack(paragraph)


def normalised(passage: str) -> str:
    """Return the passage's words in lower case: what makes two passages the same passage."""
    return " ".join(re.findall(r"\w+", passage.lower()))


def _paragraphs(text: str) -> Iterator[str]:
    lines: list[str] = []
    session = False
    for line in [*text.expandtabs().splitlines(), ""]:
        stripped = line.strip()
        if not stripped:
            session = False
        session = session or stripped.startswith(">>>")
        if session:
            continue
        if not stripped or _RULE.match(line) or _BULLET.match(line):
            if lines:
                yield " ".join(lines)
            lines = []
        if stripped and not _RULE.match(line):
            lines.append(_BULLET.sub("", stripped))


def _pack(paragraph: str) -> Iterator[str]:
    """Yield runs of whole sentences of the paragraph, each just long enough."""
    run: list[str] = []
    for sentence in _SENTENCE_END.split(" ".join(paragraph.split())):
        run += sentence.split()
        if len(run) >= ENOUGH_WORDS:
            if _is_prose(run):
                yield " ".join(run)
            run = []
    if _is_prose(run):
        yield " ".join(run)


def _is_prose(words: list[str]) -> bool:
    if not MIN_WORDS <= len(words) <= MAX_WORDS:
        return False
    text = " ".join(words)
    plain = sum(1 for word in words if _WORD.fullmatch(word.strip("\"'`*_()[],.;:!?“”‘’")))
    return "::=" not in text and plain >= 0.6 * len(words)
