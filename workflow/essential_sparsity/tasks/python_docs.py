"""The two tasks made of the documentation corpus: *topic* and *pair*."""

import hashlib
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pyarrow as pa

from essential_sparsity.tasks.corpus import AREAS, REFERENCE, Passage, read_corpus
from essential_sparsity.tasks.source import SPLITS, Source
from essential_sparsity.tasks.spec import PythonDocs

# At most so many passages of an area, so that no area outweighs the others.
TOPIC_CAP = {"train": 450, "evaluation": 100}

TOPICS = (*AREAS, REFERENCE)
PAIR_LABELS = ("elsewhere", "next")

Row = dict[str, str]


def load(data: PythonDocs, library: Path | None = None) -> Source:
    """Return the task's two splits; documents that one split uses are not in the other."""
    corpus = read_corpus(library)
    rows, classes = VIEWS[data.view]
    splits = {}
    for split in SPLITS:
        passages = [p for p in corpus.passages if p.held_out == (split == "evaluation")]
        splits[split] = pa.Table.from_pylist(rows(passages, split))
    return Source(splits, {"label": classes}, corpus.origin())


def topic_rows(passages: Sequence[Passage], split: str) -> list[Row]:
    """Return passages labelled with their area of the library, at most `TOPIC_CAP` an area."""
    chosen: list[Passage] = []
    for area in TOPICS:
        of_area = [passage for passage in passages if passage.area == area]
        chosen += sorted(of_area, key=_rank)[: TOPIC_CAP[split]]
    return [{"id": p.id, "passage": p.text, "label": p.area} for p in sorted(chosen, key=_rank)]


def pair_rows(passages: Sequence[Passage], split: str) -> list[Row]:
    """Return pairs of passages, labelled as neighbours in a document or as unrelated.

    Half of the neighbours stay together; the other half swap their second passages among
    themselves. So no passage is a first or a second one more than once, and neither passage alone
    gives the label away.
    """
    neighbours = [(a, b) for a, b in pairwise(passages) if _follows(a, b)]
    neighbours.sort(key=lambda pair: _rank(pair[0]))
    half = len(neighbours) // 2
    together, apart = neighbours[:half], neighbours[half : 2 * half]
    seconds = [second for _, second in apart]
    rows = [_pair(first, second, "next") for first, second in together]
    rows += [
        _pair(first, second, "elsewhere")
        for (first, _), second in zip(apart, seconds[1:] + seconds[:1], strict=True)
    ]
    return sorted(rows, key=lambda row: _hash(row["id"]))


VIEWS: dict[str, tuple[Callable[[Sequence[Passage], str], list[Row]], tuple[str, ...]]] = {
    "topic": (topic_rows, TOPICS),
    "pair": (pair_rows, PAIR_LABELS),
}


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


def _rank(passage: Passage) -> str:
    return _hash(passage.id)


def _hash(name: str) -> str:
    """Return a key of a fixed random order, which does not depend on the other names."""
    return hashlib.sha256(name.encode()).hexdigest()
