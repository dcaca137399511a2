"""A study of questions, several on each passage: passages are what counts, up to the report."""

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from miniatures import WORDS
from project import RECIPE, Project

pytestmark = pytest.mark.workflow

PASSAGES, QUESTIONS = 6, 3


def write_questions(folder: Path) -> None:
    """Write both splits: what is the word behind this one?"""
    draw = random.Random(0)
    rows = []
    for _ in range(PASSAGES):
        words = draw.sample(WORDS, 12)
        context = " ".join(words)
        for place in range(QUESTIONS):
            answer = words[3 * place + 1]
            answers = {"text": [answer], "answer_start": [context.index(answer)]}
            rows.append({"question": words[3 * place], "context": context, "answers": answers})
    for split in ("train", "evaluation"):
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{split}.parquet")


def test_questions_on_one_passage_are_one_piece_of_evidence(
    finished_project: Project, tmp_path: Path
) -> None:
    project = finished_project.copy(tmp_path / "clone")
    write_questions(project.folder / "data")
    files = {split: f"data/{split}.parquet" for split in ("train", "evaluation")}
    project.write_task(
        "reading",
        {**RECIPE, "stride": 4},
        data={"kind": "files", **files},
        examples={"kind": "question-answering"},
        metric="span-f1",
    )
    study = project.read_study()
    (drop,) = [each for each in study["experiments"] if each["figure"] == "drop"]
    reading = {**drop, "name": "reading", "tasks": ["reading"], "seeds": [1, 2]}
    project.write_study({**study, "experiments": [reading]})
    project.run("--cores", "2")
    assert project.planned() == {}

    results = project.results / "studies/tiny"
    (run,) = project.results.glob("runs/tiny-bert/reading/*/dense/seed1")
    predictions = pq.read_table(run / "predictions.parquet")
    assert len(set(predictions["cluster"].to_pylist())) == PASSAGES < len(predictions)
    for row in pq.read_table(results / "reading/essential.parquet").to_pylist():
        assert (row["unit"], row["units"]) == ("passages", PASSAGES)
        assert row["examples"] == PASSAGES * QUESTIONS
    tidy = pq.read_table(results / "predictions.parquet")
    assert set(tidy["cluster"].to_pylist()) == set(predictions["cluster"].to_pylist())
    assert (results / "figures/reading.png").stat().st_size > 1000
    assert "not certified: " in (results / "report.html").read_text()
    assert "reading" in (results / "summary.txt").read_text()
