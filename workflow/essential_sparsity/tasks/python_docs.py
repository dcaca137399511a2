"""The two tasks made of the documentation corpus: *topic* and *pair*."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from essential_sparsity.tasks.areas import AREAS, REFERENCE
from essential_sparsity.tasks.corpus import Corpus, Passage, read_corpus
from essential_sparsity.tasks.source import SPLITS, Source
from essential_sparsity.tasks.spec import PythonDocs

# At most so many passages of an area, so that no area outweighs the others.
TOPIC_CAP = {"train": 450, "evaluation": 100}

TOPICS = (*AREAS, REFERENCE)
PAIR_LABELS = ("elsewhere", "next")

Row = dict[str, str]
_Item = TypeVar("_Item")


def load(data: PythonDocs, library: Path | None = None) -> Source:
    """Return the task's two splits; documents that one split uses are not in the other.

    Args:
        data: says which view of the corpus.
        library: the standard library's folder; by default the running Python's.

    Raises:
        UserError: the Python installation lacks the sources.
    """
    corpus = read_corpus(library)
    rows, classes = VIEWS[data.view]
    splits = {split: pa.Table.from_pylist(rows(_part(corpus, split), split)) for split in SPLITS}
    return Source(splits, {"label": classes}, corpus.origin())


def topic_rows(passages: Sequence[Passage], split: str) -> list[Row]:
    """Which area of the library is the passage about? At most `TOPIC_CAP` passages an area."""
    chosen: list[Passage] = []
    for area in TOPICS:
        of_area = [passage for passage in passages if passage.area == area]
        chosen += _shuffled(of_area, _name)[: TOPIC_CAP[split]]
    return [{"id": p.id, "passage": p.text, "label": p.area} for p in _shuffled(chosen, _name)]


def pair_rows(passages: Sequence[Passage], split: str) -> list[Row]:
    """Does the second passage follow the first one, or does it come from elsewhere in the area?

    Half of the neighbours of each area stay together; the other half swap their second passages
    among themselves. So every passage is once at most a first one and once at most a second one,
    and neither part alone gives the label away.
    """
    rows: list[Row] = []
    neighbours = [(a, b) for a, b in pairwise(passages) if _follows(a, b)]
    for area in TOPICS:
        of_area = [pair for pair in neighbours if pair[0].area == area]
        of_area = _shuffled(of_area, lambda pair: pair[0].id)
        half = len(of_area) // 2
        if half < 2:
            continue
        rows += [_pair(first, second, "next") for first, second in of_area[:half]]
        # In document order, half a turn away is another document, unless one holds most of them.
        apart = sorted(of_area[half : 2 * half], key=lambda pair: pair[0].document)
        turned = apart[half // 2 :] + apart[: half // 2]
        rows += [
            _pair(first, second, "elsewhere")
            for (first, _), (_, second) in zip(apart, turned, strict=True)
        ]
    return sorted(rows, key=lambda row: _rank(row["id"]))


VIEWS: dict[str, tuple[Callable[[Sequence[Passage], str], list[Row]], tuple[str, ...]]] = {
    "topic": (topic_rows, TOPICS),
    "pair": (pair_rows, PAIR_LABELS),
}


def _part(corpus: Corpus, split: str) -> list[Passage]:
    return [p for p in corpus.passages if p.held_out == (split == "evaluation")]


def _follows(first: Passage, second: Passage) -> bool:
    same = (first.document, first.section) == (second.document, second.section)
    return same and second.index == first.index + 1


def _pair(first: Passage, second: Passage, label: str) -> Row:
    return {
        "id": f"{first.id}+{second.id}",
        "first": first.text,
        "second": second.text,
        "label": label,
    }


def _name(passage: Passage) -> str:
    return passage.id


def _rank(name: str) -> str:
    """A fixed random order that does not depend on what else is there."""
    return hashlib.sha256(name.encode()).hexdigest()


def _shuffled(items: Iterable[_Item], name: Callable[[_Item], str]) -> list[_Item]:
    return sorted(items, key=lambda item: _rank(name(item)))
