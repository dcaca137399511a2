"""Runs on questions: a row a window goes in, a row a question comes out."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from essential_sparsity.masks.spec import DENSE
from essential_sparsity.metrics import METRICS
from essential_sparsity.outcomes.run import load_run, read_metrics
from essential_sparsity.runs.heads import question_answering as spans
from essential_sparsity.runs.heads.question_answering import QuestionAnswering
from essential_sparsity.runs.labels import labels_of_run, with_labels
from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec
from essential_sparsity.stages import paths
from essential_sparsity.support.tables import write_table
from essential_sparsity.tasks.manifest import TaskData
from finished_runs import header_of
from miniatures import GOOD, WORDS, save_bert
from stages import Stages

LENGTH, STRIDE = 16, 4
SIZES = {"max_length": LENGTH, "stride": STRIDE, "train_examples": None}


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    """A BERT of one layer. For reading only."""
    folder = tmp_path_factory.mktemp("questions")
    save_bert(folder / "model", layers=1, hidden=32)
    return Stages.fetch(folder, {"kind": "folder", "path": str(folder / "model")})


@pytest.fixture(scope="session")
def task(stages: Stages) -> TaskData:
    """Which word is one of the good ones? Contexts of one window or more."""
    for split, count, seed in (("train", 120, 0), ("evaluation", 40, 1)):
        draw = random.Random(seed)
        rows = []
        for _ in range(count):
            words = draw.sample(WORDS[20:], draw.randint(5, 15))
            answer, place = draw.choice(GOOD), draw.randrange(len(words))
            start = len(" ".join([*words[:place], ""]))
            words.insert(place, answer)
            answers = {"text": [answer], "answer_start": [start]}
            rows.append({"question": "fa", "context": " ".join(words), "answers": answers})
        pq.write_table(pa.Table.from_pylist(rows), stages.folder / f"{split}.parquet")
    files = {s: str(stages.folder / f"{s}.parquet") for s in ("train", "evaluation")}
    return stages.task(
        data={"kind": "files", **files},
        examples={"kind": "question-answering"},
        max_length=LENGTH,
        stride=STRIDE,
    )


@pytest.fixture
def kind(stages: Stages, task: TaskData) -> Callable[..., QuestionAnswering]:
    """Return `kind(**recipe)`, the task as a run uses it."""

    def open_one(**changes: Any) -> QuestionAnswering:
        recipe = RecipeSpec(epochs=1, batch_size=8, learning_rate=1e-3, **{**SIZES, **changes})
        return QuestionAnswering(task, stages.checkpoint, recipe)

    return open_one


def test_a_run_learns_and_its_statistics_can_be_read(
    stages: Stages, task: TaskData, tmp_path: Path
) -> None:
    recipe = {**SIZES, "epochs": 2, "learning_rate": 5e-3, "evaluation_examples": 30}
    outcome = stages.run(task, stages.mask(0.3), "span-f1", **recipe)
    metrics = outcome.metrics.to_pylist()
    assert metrics[-1]["examples"] == outcome.predictions.num_rows == 30
    assert outcome.predictions.num_rows < task.examples["evaluation"]
    assert metrics[-1]["score"] > 90
    assert metrics[-1]["loss"] < metrics[0]["loss"]
    for row in outcome.predictions.to_pylist():
        assert row["exact"] == float(row["prediction"] in row["label"])
        assert row["score"] == pytest.approx(row["f1"])

    place = {"model": "m", "task": "t", "recipe": "r"}
    labels = labels_of_run(header_of(DENSE), **place, seed=1)
    table = with_labels(outcome.metrics, labels)
    file = paths.METRICS.format(**place, mask="dense", seed=1)
    write_table(tmp_path / file, table, {})
    predictions = paths.PREDICTIONS.format(**place, mask="dense", seed=1)
    write_table(tmp_path / predictions, outcome.predictions, {})
    run = load_run(tmp_path, read_metrics(tmp_path, file))
    assert run.parts.mean() == pytest.approx(metrics[-1]["score"])


def test_samples_are_of_questions_with_all_their_windows(
    kind: Callable[..., QuestionAnswering], task: TaskData
) -> None:
    few = kind(train_examples=50, evaluation_examples=10)
    for split, rows, count in (("train", few.train(), 50), ("evaluation", few.evaluation(), 10)):
        chosen = set(rows.column("question_id").to_pylist())
        assert len(chosen) == count < rows.num_rows
        every = task.table(split).to_pylist()
        windows = {row["id"] for row in every if row["question_id"] in chosen}
        assert set(rows.column("id").to_pylist()) == windows


def test_the_loss_is_the_models_own_and_padding_is_none_of_it(
    kind: Callable[..., QuestionAnswering], stages: Stages, task: TaskData
) -> None:
    model, questions = stages.model(task, **SIZES)
    model.eval()
    rows = questions.evaluation()
    dataset = questions.dataset(rows, "evaluation")
    short, long = dataset[0], dataset[rows.num_rows - 1]
    assert len(short["input_ids"]) < len(long["input_ids"])

    def loss(*examples: dict[str, Any]) -> float:
        batch = questions.collate(list(examples))
        labels = batch.pop("labels")
        with torch.no_grad():
            return float(questions.loss(model(**batch), labels))

    for one in (short, long):
        batch = questions.collate([one])
        first, last = batch.pop("labels").unbind(1)
        own = model(**batch, start_positions=first, end_positions=last).loss
        assert loss(one) / 2 == pytest.approx(float(own.detach()), rel=1e-5)
    assert loss(short, long) == pytest.approx(loss(short) + loss(long), rel=1e-5)
    uncounted = {**short, "labels": [-100, -100]}
    assert loss(uncounted, long) == pytest.approx(loss(long), rel=1e-5)


def test_the_loss_of_an_evaluation_leaves_out_what_trainer_pads(
    kind: Callable[..., QuestionAnswering],
) -> None:
    from types import SimpleNamespace

    logits = torch.tensor([[-300.0, -302.0], [1.0, 2.0]])
    padded = torch.nn.functional.pad(logits, (0, 2), value=-100)
    labels = torch.tensor([[0, 1], [1, 1]])
    losses = [
        float(kind().loss(SimpleNamespace(start_logits=some, end_logits=some), labels))
        for some in (logits, padded)
    ]
    assert losses[0] == pytest.approx(losses[1])


def windows(*rows: tuple[str, str, int, list[str]]) -> pa.Table:
    """Return windows of (question, context, first word, answers): two tokens, four words, one."""
    found = []
    for name, context, skipped, answers in rows:
        ends = np.cumsum([len(word) + 1 for word in context.split()]) - 1
        begins = [0, *(int(end) + 1 for end in ends[:-1])]
        place = slice(skipped, skipped + 4)
        found.append(
            {
                "question_id": name,
                "starts": [-1, -1, *begins[place], -1],
                "ends": [-1, -1, *map(int, ends[place]), -1],
                "context": context,
                "answers": answers,
            }
        )
    return pa.Table.from_pylist(found)


def logits(*rows: dict[int, float], length: int = 8) -> Any:
    array = np.zeros((len(rows), length), np.float32)
    for row, values in enumerate(rows):
        for place, value in values.items():
            array[row, place] = value
    return array


def test_the_best_window_of_a_question_answers_it() -> None:
    context = "in the year 1279 after the storm"
    table = windows(
        ("a", context, 0, ["1279", "year 1279"]),
        ("b", "red green blue white", 0, ["blue"]),
        ("a", context, 3, ["1279", "year 1279"]),
    )
    # Larger are the logits outside of the context (0, 7), and the sum of an end before its start.
    starts = logits({0: 9, 4: 3}, {5: 7, 3: 2}, {2: 5, 7: 9})
    ends = logits({7: 9, 5: 3}, {2: 8, 4: 2}, {3: 4, 0: 9})
    # b: from 2 to 2 it is 0 + 8, from 5 to 5 it is 7 + 0, from 3 to 4 it is 2 + 2.
    found = spans.answers(starts, ends, table)
    first, second = found["cluster"].to_pylist()
    assert first != second
    assert found.schema.field("cluster").metadata == {b"unit": b"passages"}
    assert found.drop_columns("cluster").to_pylist() == [
        {
            "id": "a",
            "label": ["1279", "year 1279"],
            "prediction": "1279 after",
            "f1": pytest.approx(2 / 3),  # of two words one is right: 2 · 1 / (2 + 1)
            "exact": 0.0,
        },
        {"id": "b", "label": ["blue"], "prediction": "red", "f1": 0.0, "exact": 0.0},
    ]


def test_no_possible_span_is_an_empty_answer() -> None:
    table = pa.Table.from_pylist(
        [{"question_id": "a", "starts": [-1], "ends": [-1], "context": "x", "answers": ["x"]}]
    )
    (row,) = spans.answers(np.ones((1, 1)), np.ones((1, 1)), table).to_pylist()
    assert (row["prediction"], row["f1"], row["exact"]) == ("", 0.0, 0.0)


def test_the_best_span_is_that_of_a_search_through_all() -> None:
    generator = np.random.default_rng(0)
    for length in (5, 19, 60):
        start, end = generator.normal(size=(2, 40, length))
        allowed = generator.random((40, length)) < 0.8
        first, last, score = spans.best_spans(start, end, allowed)
        for row in range(40):
            starts, ends = (
                sorted(np.flatnonzero(allowed[row]), key=lambda i, v=values: -v[row, i])[:20]
                for values in (start, end)
            )
            pairs = {
                (i, j): start[row, i] + end[row, j] for i in starts for j in ends if i <= j < i + 30
            }
            best = max(pairs, key=lambda pair: pairs[pair])
            assert (first[row], last[row]) == best
            assert score[row] == pytest.approx(pairs[best])


def test_only_the_largest_starts_and_ends_are_tried() -> None:
    # The largest end, at 5, has but one start that is not behind it: the 21st largest.
    start = logits({5: 9} | dict.fromkeys(range(30, 50), 10), length=50)
    end = logits({5: 50, 40: 20}, length=50)
    first, last, score = spans.best_spans(start, end, np.ones((1, 50), bool))
    assert (first, last, score) == (30, 40, 10 + 20)


@pytest.mark.parametrize(
    ("text", "correct", "f1", "exact"),
    [
        ("The Pure Land!", ["pure land"], 1, 1),
        ("a  Bridge", ["the bridge"], 1, 1),
        ("in 1279", ["after 1279"], 1 / 2, 0),
        ("after the war of 1279", ["1279", "after 1279"], 2 * 1 / 2 / (1 + 1 / 2), 0),
        ("no no yes", ["no yes"], 2 * 2 / (3 + 2), 0),
        ("storm", ["rain"], 0, 0),
        ("", ["rain"], 0, 0),
        ("the", ["a"], 1, 1),  # nothing is left of either
    ],
)
def test_shares_by_hand(text: str, correct: list[str], f1: float, exact: float) -> None:
    assert spans.shares_of(text, correct) == (pytest.approx(f1), exact)


def test_the_metrics_are_the_librarys_over_all_questions() -> None:
    from torchmetrics.functional.text import squad

    draw = random.Random(3)
    words = ["the", "a", "Ba", "ba,", "be", "be", "bi"]
    rows = []
    for number in range(60):
        texts = [" ".join(draw.choices(words, k=draw.randint(1, 4))) for _ in range(4)]
        rows.append({"id": str(number), "prediction": texts[0], "label": texts[1:]})
    shares = [spans.shares_of(row["prediction"], row["label"]) for row in rows]
    table = pa.table({"f1": [f1 for f1, _ in shares], "exact": [exact for _, exact in shares]})
    expected = squad(
        [{"id": row["id"], "prediction_text": row["prediction"]} for row in rows],
        [
            {"id": row["id"], "answers": {"text": row["label"], "answer_start": [0] * 3}}
            for row in rows
        ],
    )
    assert METRICS["span-f1"].score(table) == pytest.approx(float(expected["f1"]), abs=1e-4)
    assert METRICS["exact-match"].score(table) == pytest.approx(float(expected["exact_match"]))
