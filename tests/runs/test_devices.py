"""A run's numbers do not depend on how much a device takes at once, or on how many there are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import together
from essential_sparsity.metrics.scoring import Scoring
from essential_sparsity.runs.job import Job
from essential_sparsity.runs.procedures.fine_tuning.spec import RunSpec
from essential_sparsity.runs.training.devices import launch
from essential_sparsity.runs.training.resume import RestartPoint
from essential_sparsity.support.errors import UserError
from miniatures import save_bert, write_examples
from stages import Stages, recipe_of

pytestmark = pytest.mark.slow

# 43 examples in steps of 8: the last step has 3. Evaluation batches of 64: the last has 17.
RECIPE = {"epochs": 3, "learning_rate": 1e-2, "train_examples": None, "group_by_length": True}

Arguments = Callable[..., Job]


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> Arguments:
    """Return what makes `fine_tune`'s arguments, for a model without dropout."""
    folder = tmp_path_factory.mktemp("devices")
    save_bert(folder / "model", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    write_examples(folder / "data", train=43, evaluation=145)
    stages = Stages.fetch(folder, {"kind": "folder", "path": str(folder / "model")})
    files = {name: str(folder / "data" / f"{name}.csv") for name in ("train", "evaluation")}

    examples = {"kind": "text-classification", "fields": ["text"], "labels": ["bad", "good"]}
    task = stages.task(data={"kind": "files", **files}, examples=examples, max_length=24)

    def make(restart: Path, limit: int = 0) -> Job:
        spec = RunSpec(recipe=recipe_of(**RECIPE), seed=1)
        point = RestartPoint(restart, "identity")
        return Job(
            stages.checkpoint, stages.manifest, task, stages.mask(), spec, point, "title",
            Scoring.of("accuracy"), limit=limit,
        )  # fmt: skip

    return make


@pytest.fixture(scope="module")
def plain(arguments: Arguments, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The run on one device, whole batches at once."""
    from essential_sparsity.runs.procedures.fine_tuning.run import fine_tune

    return fine_tune(arguments(tmp_path_factory.mktemp("plain")))


@pytest.fixture(scope="module")
def pair(arguments: Arguments, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same run by two processes, at most 3 examples at once, killed on the way and resumed."""
    from essential_sparsity.runs.procedures.fine_tuning.run import fine_tune

    folder = tmp_path_factory.mktemp("pair")
    made = arguments(folder, 3)
    with pytest.raises(RuntimeError, match="killed"):
        launch(2, together.fine_tune_until, 14, made)
    assert [path.parent.name for path in folder.glob("*/whole")] == ["checkpoint-12"]
    return launch(2, fine_tune, made)


def assert_same_numbers(one: Any, other: Any) -> None:
    assert one.predictions["id"].equals(other.predictions["id"])
    assert one.predictions["label"].equals(other.predictions["label"])
    for logits in zip(one.predictions["logits"], other.predictions["logits"], strict=True):
        np.testing.assert_allclose(*[row.as_py() for row in logits], rtol=1e-3, atol=1e-4)
    for column in ("epoch", "step", "score", "loss", "train_loss", "examples"):
        numbers = [outcome.metrics[column].to_numpy() for outcome in (one, other)]
        np.testing.assert_allclose(*numbers, rtol=1e-3, atol=1e-5, err_msg=column)


def placed(outcome: Any) -> tuple[int, int]:
    last = outcome.metrics.to_pylist()[-1]
    return last["devices"], last["device_batch"]


@pytest.mark.parametrize(("limit", "device_batch"), [(1, 1), (3, 3), (4, 4), (5, 4), (99, 8)])
def test_a_smaller_device_batch_changes_no_number(
    arguments, plain, tmp_path, capsys, limit: int, device_batch: int
) -> None:
    from essential_sparsity.runs.procedures.fine_tuning.run import fine_tune

    outcome = fine_tune(arguments(tmp_path / "r", limit))
    assert placed(plain) == (1, 8) and placed(outcome) == (1, device_batch)
    assert outcome.metrics["step"].to_pylist() == [6, 12, 18]
    assert plain.metrics["score"].to_pylist()[-1] > 90  # it did train
    assert_same_numbers(plain, outcome)
    said = f"title: 8 examples a step, on 1 device(s) in {8 // device_batch} part(s) of at most"
    assert (said in capsys.readouterr().err) == (device_batch < 8 and device_batch != 3)


def test_two_devices_change_no_number_even_if_killed_and_resumed(plain, pair) -> None:
    assert placed(pair) == (2, 2)
    assert pair.predictions.num_rows == 145
    assert_same_numbers(plain, pair)


def test_what_a_process_refuses_is_said_once(capfd) -> None:
    with pytest.raises(UserError, match=r"^batch_size: 0: too few$"):
        launch(2, together.refuse)
    # Where the other process is still at work, torch says that it ends it.
    said = capfd.readouterr().err.splitlines()
    assert [line for line in said if "Terminating process" not in line] == []


def test_only_texts_have_a_length_to_group_by(bench, run, monkeypatch) -> None:
    tables = {split: bench.task.table(split) for split in ("train", "evaluation")}
    tables["train"] = tables["train"].drop_columns(["input_ids"])
    monkeypatch.setattr(type(bench.task), "table", lambda self, split: tables[split])
    with pytest.raises(UserError, match="group_by_length: true: only texts have a length"):
        run(group_by_length=True)


@pytest.mark.parametrize("shape", [(), (2,)])
def test_a_loss_in_parts_is_that_of_the_whole(shape: tuple[int, ...]) -> None:
    """Labels may be one an example or several, and those that are -100 count nothing."""
    torch = pytest.importorskip("torch")
    from essential_sparsity.runs.training.trainer import MeanLoss

    class Squares:
        def loss(self, outputs: Any, labels: Any) -> Any:
            return (outputs["logits"] - labels)[labels.ne(-100)].square().sum()

    logits, labels = torch.randn(9, *shape), torch.randn(9, *shape)
    labels[2] = labels[7] = -100
    mean = MeanLoss(Squares())  # type: ignore[arg-type]
    whole = mean({"logits": logits}, labels)
    count = labels.ne(-100).sum()
    parts = [
        mean({"logits": logits[rows]}, labels[rows], count)
        for rows in (slice(0, 2), slice(2, 3), slice(3, 9))
    ]
    assert parts[1] == 0
    assert torch.isclose(sum(parts), whole)
    assert count == 7 * labels[0].numel()


def test_a_number_of_minus_100_counts_nothing_in_a_regression() -> None:
    torch = pytest.importorskip("torch")
    from essential_sparsity.runs.heads.text_regression import TextRegression

    class Outputs:
        logits = torch.tensor([[1.0], [2.0]], requires_grad=True)

    loss = TextRegression.loss(None, Outputs, torch.tensor([3.0, -100.0]))  # type: ignore[arg-type]
    assert loss == 4
    loss.backward()
    assert Outputs.logits.grad.tolist() == [[-4.0], [0.0]]
