"""The tasks *topic* and *pair*: balanced, split by document, without cues that give them away."""

from collections import Counter
from pathlib import Path
from typing import Literal

import pytest

from essential_sparsity.study.catalog import Catalog
from essential_sparsity.tasks.corpus import HELD_OUT, normalised
from essential_sparsity.tasks.python_docs import load
from essential_sparsity.tasks.source import SPLITS, Source
from essential_sparsity.tasks.spec import PythonDocs

View = Literal["topic", "pair"]
VIEWS: tuple[View, ...] = ("topic", "pair")
CATALOG = Path(__file__).parents[2] / "catalog"


@pytest.fixture(scope="module")
def real() -> dict[str, Source]:
    """Both tasks as the Python that runs the tests makes them."""
    return {view: load(PythonDocs(kind="python-docs", view=view)) for view in VIEWS}


def documents(name: str) -> set[str]:
    """Return the documents that an example's name mentions."""
    return {part.split("/")[0] for part in name.split("+")}


@pytest.mark.parametrize("view", VIEWS)
def test_two_builds_are_equal(view: View, library: Path) -> None:
    data = PythonDocs(kind="python-docs", view=view)
    first, second = load(data, library), load(data, library)
    assert first.splits == second.splits and first.origin == second.origin


@pytest.mark.parametrize("view", VIEWS)
def test_splits_share_no_document(view: View, real: dict[str, Source]) -> None:
    for split in SPLITS:
        for name in real[view].splits[split]["id"].to_pylist():
            for document in documents(name):
                assert (document in HELD_OUT) == (split == "evaluation"), name


@pytest.mark.parametrize("view", VIEWS)
def test_names_are_unique(view: View, real: dict[str, Source]) -> None:
    names = [name for split in SPLITS for name in real[view].splits[split]["id"].to_pylist()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("view", "fields"), [("topic", ["passage"]), ("pair", ["first", "second"])]
)
def test_no_text_twice_in_a_column(view: View, fields: list[str], real: dict[str, Source]) -> None:
    for field in fields:
        texts = [
            normalised(text)
            for split in SPLITS
            for text in real[view].splits[split][field].to_pylist()
        ]
        assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("view", VIEWS)
def test_there_is_enough(view: View, real: dict[str, Source]) -> None:
    assert real[view].splits["train"].num_rows >= 2000
    assert 600 <= real[view].splits["evaluation"].num_rows <= 1000


@pytest.mark.parametrize("split", SPLITS)
def test_no_topic_dominates(split: str, real: dict[str, Source]) -> None:
    counts = Counter(real["topic"].splits[split]["label"].to_pylist())
    assert set(counts) == set(real["topic"].classes["label"])
    assert max(counts.values()) <= 0.25 * counts.total()
    assert min(counts.values()) >= 0.08 * counts.total()


@pytest.mark.parametrize("split", SPLITS)
def test_pairs_are_half_and_half(split: str, real: dict[str, Source]) -> None:
    counts = Counter(real["pair"].splits[split]["label"].to_pylist())
    assert counts["next"] == counts["elsewhere"] == counts.total() / 2


@pytest.mark.parametrize("split", SPLITS)
def test_a_pair_is_what_its_label_says(split: str, real: dict[str, Source]) -> None:
    for row in real["pair"].splits[split].to_pylist():
        first, second = row["id"].split("+")
        section, number = first.rsplit("/", 1)
        assert (second == f"{section}/{int(number) + 1}") == (row["label"] == "next"), row


def test_no_second_passage_opens_a_section(real: dict[str, Source]) -> None:
    # Openings ("Return …") are easily told from what follows: they must not mark the false pairs.
    for split in SPLITS:
        for name in real["pair"].splits[split]["id"].to_pylist():
            assert not name.split("+")[1].endswith("/0"), name


def test_the_order_is_mixed(real: dict[str, Source]) -> None:
    for view in VIEWS:
        labels = real[view].splits["evaluation"]["label"].to_pylist()
        head = Counter(labels[:300])
        assert max(head.values()) < 1.5 * 300 / len(set(labels))


@pytest.mark.parametrize("view", VIEWS)
def test_the_catalog_declares_these_labels(view: View, real: dict[str, Source]) -> None:
    entry = Catalog(CATALOG).task(view, "test: tasks")
    assert entry.examples.labels == real[view].classes["label"]
    assert set(entry.examples.fields) <= set(real[view].splits["train"].column_names)
