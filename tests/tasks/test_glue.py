"""The catalog's GLUE tasks, built from miniatures that have GLUE's files, columns and classes."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from essential_sparsity.metrics import METRICS
from essential_sparsity.study.catalog import Catalog
from essential_sparsity.tasks.build import build_task
from essential_sparsity.tasks.manifest import load_task
from loopback_hub import LoopbackHub

CATALOG = Catalog(Path(__file__).parents[2] / "catalog")

# As the data set declares them: columns of text, classes (none: a number), split to score on.
GLUE: dict[str, tuple[list[str], list[str] | None, str]] = {
    "mnli": (
        ["premise", "hypothesis"],
        ["entailment", "neutral", "contradiction"],
        "validation_matched",
    ),
    "qnli": (["question", "sentence"], ["entailment", "not_entailment"], "validation"),
    "qqp": (["question1", "question2"], ["not_duplicate", "duplicate"], "validation"),
    "sst2": (["sentence"], ["negative", "positive"], "validation"),
    "rte": (["sentence1", "sentence2"], ["entailment", "not_entailment"], "validation"),
    "cola": (["sentence"], ["unacceptable", "acceptable"], "validation"),
    "mrpc": (["sentence1", "sentence2"], ["not_equivalent", "equivalent"], "validation"),
    "stsb": (["sentence1", "sentence2"], None, "validation"),
    "wnli": (["sentence1", "sentence2"], ["not_entailment", "entailment"], "validation"),
}


def put(hub: LoopbackHub, task: str, splits: dict[str, list[Any]]) -> None:
    """Write a task as the data set's repository has it: labels of every split, texts to fit."""
    fields, classes, _ = GLUE[task]
    features: dict[str, Any] = {field: {"dtype": "string", "_type": "Value"} for field in fields}
    features["label"] = (
        {"names": classes, "_type": "ClassLabel"}
        if classes
        else {"dtype": "float32", "_type": "Value"}
    )
    features["idx"] = {"dtype": "int32", "_type": "Value"}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    folder = hub.root / "datasets/nyu-mll/glue"
    (folder / task).mkdir(parents=True)
    card = ["---", "configs:", f"- config_name: {task}", "  data_files:"]
    for split, labels in splits.items():
        rows = range(len(labels))
        columns: dict[str, Any] = {f: [f"ba {split} be {row} {f}" for row in rows] for f in fields}
        columns["label"] = pa.array(labels, pa.int64() if classes else pa.float32())
        columns["idx"] = pa.array(rows, pa.int32())
        table = pa.table(columns).replace_schema_metadata(metadata)
        pq.write_table(table, folder / f"{task}/{split}-00000-of-00001.parquet")
        card += [f"  - split: {split}", f"    path: {task}/{split}-*"]
    (folder / "README.md").write_text("\n".join([*card, "---", ""]))


def test_all_of_glue_is_there() -> None:
    entries = {name: CATALOG.task(name, "test: tasks") for name in GLUE}
    assert all(entry.data.kind == "hub" for entry in entries.values())
    assert {
        name: entry.metric for name, entry in entries.items() if entry.metric != "accuracy"
    } == {
        "cola": "matthews",
        "stsb": "pearson",
    }
    assert all({"paper", "quick"} <= set(entry.recipes) for entry in entries.values())


@pytest.mark.parametrize("name", GLUE)
def test_a_glue_task_is_built(
    name: str, hub: LoopbackHub, checkpoint: Path, tmp_path: Path
) -> None:
    fields, classes, scored = GLUE[name]
    labels: list[Any] = list(range(len(classes))) if classes else [0.0, 2.5, 5.0]
    others = {"validation_mismatched": labels[::-1]} if name == "mnli" else {}
    put(hub, name, {"train": labels * 2, scored: labels, **others, "test": [-1] * 4})

    entry = CATALOG.task(name, "test: tasks")
    short = entry.recipes["paper"].model_copy(update={"max_length": 32})
    build_task(entry.data_spec(short), checkpoint, tmp_path / "task")
    task = load_task(tmp_path / "task")
    assert task.labels == tuple(classes or ())
    assert task.table("train")["label"].to_pylist() == labels * 2
    assert task.table("evaluation")["label"].to_pylist() == labels
    assert task.table("evaluation")["id"].to_pylist()[0] == f"{scored}/0"
    # [CLS], the words of every field, a [SEP] after each.
    lengths = {len(tokens) for tokens in task.table("train")["input_ids"].to_pylist()}
    assert lengths == {1 + 6 * len(fields)}
    for metric in (entry.metric, *entry.also):
        assert METRICS[metric].reads == entry.examples.reads
