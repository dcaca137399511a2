"""Runs as users know them: paired by seed, resumable, learning, with errors that say what to do."""

import math
import re
from dataclasses import replace
from types import SimpleNamespace

import pyarrow as pa
import pytest

from essential_sparsity.metrics import METRICS
from essential_sparsity.metrics.scoring import Scoring
from essential_sparsity.runs.heads import open_head
from essential_sparsity.runs.job import Job
from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec, RunSpec
from essential_sparsity.runs.training.resume import RestartPoint, mark_whole
from essential_sparsity.support.errors import UserError
from essential_sparsity.tickets.training import Harvest

pytestmark = pytest.mark.slow


def test_a_run_learns_and_keeps_its_predictions(run) -> None:
    outcome = run(sparsity=0.3, epochs=4)
    metrics = outcome.metrics.to_pylist()
    assert [row["epoch"] for row in metrics] == [1, 2, 3, 4]
    assert [row["last"] for row in metrics] == [False, False, False, True]
    assert metrics[-1]["score"] > 90
    shares = outcome.predictions.column("score").to_pylist()
    assert 100 * sum(shares) / len(shares) == pytest.approx(metrics[-1]["score"])
    for row in outcome.predictions.to_pylist():
        assert row["prediction"] == row["logits"].index(max(row["logits"]))
        assert row["score"] == (row["prediction"] == row["label"])
    assert metrics[-1]["precision"] == "fp32"


def test_equal_seeds_are_equal_runs_and_others_differ(run, tmp_path) -> None:
    one = run(seed=1, restart=tmp_path / "a").predictions
    assert one.equals(run(seed=1, restart=tmp_path / "b").predictions)
    assert not one.equals(run(seed=2).predictions)


def test_a_seed_fixes_head_order_and_dropout_whatever_the_mask(run, monkeypatch) -> None:
    """The head, the examples of each batch, and the random state at each step are the same."""
    import torch
    from transformers import Trainer

    seen: list[list[object]] = []
    step = Trainer.training_step

    def spy(self, model, inputs, *args, **kwargs):
        head = model.classifier.weight.detach().clone() if not seen[-1] else None
        seen[-1].append((head, inputs["input_ids"].clone(), torch.get_rng_state()))
        return step(self, model, inputs, *args, **kwargs)

    monkeypatch.setattr(Trainer, "training_step", spy)
    for sparsity in (0, 0.9):
        seen.append([])
        run(sparsity=sparsity)
    dense, sparse = seen
    assert len(dense) == len(sparse) == 16
    assert torch.equal(dense[0][0], sparse[0][0])
    for (_, first, state), (_, second, other) in zip(dense, sparse, strict=True):
        assert torch.equal(first, second)
        assert torch.equal(state, other)
    seen.append([])
    run(sparsity=0, seed=2)
    assert not torch.equal(dense[0][0], seen[-1][0][0])
    assert any(not torch.equal(a[1], b[1]) for a, b in zip(dense, seen[-1], strict=True))


@pytest.mark.parametrize("grouped", [False, True])
def test_a_killed_run_resumes_at_its_last_epoch_with_the_same_numbers(
    run, tmp_path, monkeypatch, grouped: bool
) -> None:
    from essential_sparsity.runs.training import trainer

    changes = {"epochs": 3, "group_by_length": grouped, "train_examples": 40}
    undisturbed = run(restart=tmp_path / "undisturbed", **changes)

    class Killed(Exception):
        pass

    def die(self, args, state, control, **_):
        if state.global_step == 12:  # in the middle of the third epoch
            raise Killed

    with monkeypatch.context() as context:
        context.setattr(trainer.Progress, "on_step_end", die)
        with pytest.raises(Killed):
            run(restart=tmp_path / "killed", **changes)
    saved = sorted(p.name for p in (tmp_path / "killed").glob("checkpoint-*"))
    assert saved == ["checkpoint-10"]
    resumed = run(restart=tmp_path / "killed", **changes)
    assert resumed.predictions.equals(undisturbed.predictions)
    assert resumed.metrics.drop_columns("seconds").to_pylist() == (
        undisturbed.metrics.drop_columns("seconds").to_pylist()
    )


def test_a_run_killed_after_its_last_epoch_repeats_that_one(run, tmp_path, monkeypatch) -> None:
    """It is evaluated but has no tables yet: what goes on has to have something to evaluate."""

    undisturbed = run(restart=tmp_path / "undisturbed", epochs=3)

    class Killed(Exception):
        pass

    def die(*_):
        raise Killed

    with monkeypatch.context() as context:
        context.setattr(Scoring, "with_shares", die)
        with pytest.raises(Killed):
            run(restart=tmp_path / "killed", epochs=3)
    resumed = run(restart=tmp_path / "killed", epochs=3)
    assert resumed.predictions.equals(undisturbed.predictions)


def test_a_half_written_checkpoint_is_not_resumed_from(run, tmp_path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "identity.json").write_text("identity")
    (tmp_path / "x" / "checkpoint-8").mkdir()
    (tmp_path / "x" / "checkpoint-8" / "trainer_state.json").write_text("{")
    assert run(restart=tmp_path / "x").metrics.num_rows == 2


def test_a_restart_point_of_another_run_is_thrown_away(tmp_path) -> None:
    RestartPoint(tmp_path / "r", "one")
    (tmp_path / "r" / "checkpoint-8").mkdir()
    mark_whole(tmp_path / "r" / "checkpoint-8")
    assert RestartPoint(tmp_path / "r", "one").latest() == tmp_path / "r" / "checkpoint-8"
    assert RestartPoint(tmp_path / "r", "two").latest() is None


@pytest.mark.parametrize("file", ["weights", "whole"])
def test_a_damaged_restart_point_is_passed_over(tmp_path, capsys, file: str) -> None:
    """The one before it is taken, and nothing at all where there is none."""
    point = RestartPoint(tmp_path / "r", "one")
    for step in (8, 16):
        folder = tmp_path / "r" / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "weights").write_bytes(bytes(range(step)))
        mark_whole(folder)
    assert point.latest() == tmp_path / "r" / "checkpoint-16"
    for step, left in ((16, tmp_path / "r" / "checkpoint-8"), (8, None)):
        damaged = tmp_path / "r" / f"checkpoint-{step}" / file
        data = bytearray(damaged.read_bytes())
        data[3] ^= 1
        damaged.write_bytes(bytes(data))
        assert point.latest() == left
        assert f"checkpoint-{step}: note: damaged since it was written" in capsys.readouterr().err


def test_samples_are_fixed_and_nested(bench) -> None:
    from essential_sparsity.runs.heads.head import take_sample

    table = bench.task.table("train")
    few, more = (set(take_sample(table, n)["id"].to_pylist()) for n in (10, 20))
    assert len(few) == 10
    assert few < more
    assert take_sample(table, None).num_rows == take_sample(table, 10**6).num_rows == 64


def test_padding_is_masked_out() -> None:
    from essential_sparsity.runs.heads.text_classification import TextClassification

    examples = [
        {"input_ids": [1, 2, 3], "token_type_ids": [0, 0, 1], "labels": 1},
        {"input_ids": [4], "token_type_ids": [1], "labels": 0},
    ]
    batch = TextClassification.collate(SimpleNamespace(pad_token_id=7), examples)
    assert batch["input_ids"].tolist() == [[1, 2, 3], [4, 7, 7]]
    assert batch["token_type_ids"].tolist() == [[0, 0, 1], [1, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("sparsity", "reason"), [(0, r"loss nan at step \d+"), (0.5, r".+ of .+ is not finite")]
)
def test_divergence_is_recorded_and_counts_as_one_answer_to_all(run, sparsity, reason) -> None:
    outcome = run(sparsity=sparsity, learning_rate=1e30)
    (row,) = outcome.metrics.to_pylist()
    assert re.fullmatch(reason, row["failure"])
    assert math.isnan(row["loss"])
    assert row["last"] and row["step"] >= 1 and row["score"] == 50
    assert set(outcome.predictions["prediction"].to_pylist()) == {0}
    assert outcome.predictions["score"].to_pylist().count(1) == len(outcome.predictions) / 2
    assert outcome.movement == {}
    assert run(sparsity=sparsity).metrics["failure"].null_count == 2


def test_a_mask_needs_weights_that_have_not_diverged(run) -> None:
    with pytest.raises(UserError, match=r"title: .*: training diverged; a smaller learning_rate"):
        run(learning_rate=1e30, companion=Harvest())


def test_the_best_constant_answer_depends_on_the_metric(bench) -> None:
    recipe = RecipeSpec(epochs=1, batch_size=8, learning_rate=1e-2)
    kind = open_head(bench.task, bench.checkpoint, recipe)
    rows = kind.evaluation()
    answers = [set(found["prediction"].to_pylist()) for found in kind.constants(rows)]
    assert answers == [{0}, {1}]
    for metric in (METRICS["accuracy"], METRICS["f1"], METRICS["matthews"]):
        best = max(map(metric.score, kind.constants(rows)))
        assert best == pytest.approx(metric.constant(rows))


def test_inputs_that_do_not_belong_together(bench, run, tmp_path, monkeypatch) -> None:
    with monkeypatch.context() as context:
        context.setattr(type(bench.manifest), "sha256", "f" * 64)
        mask = bench.mask(0.5)
    monkeypatch.setattr(type(bench), "mask", lambda self, sparsity: mask)
    with pytest.raises(UserError, match=r"magnitude-global-s0\.50 was made for another checkpoint"):
        run()


def test_a_task_of_another_tokenizer(bench, run, monkeypatch) -> None:
    from essential_sparsity.runs.heads import head

    monkeypatch.setattr(head, "tokenizer_digest", lambda folder: "0" * 64)
    with pytest.raises(UserError, match="made ready by another tokenizer"):
        run()


def test_a_label_that_the_head_lacks(bench, run, monkeypatch) -> None:
    table = bench.task.table("train")
    labels = pa.array([2] + [0] * (table.num_rows - 1))
    odd = table.set_column(table.column_names.index("label"), "label", labels)
    monkeypatch.setattr(type(bench.task), "table", lambda self, split: odd)
    with pytest.raises(UserError, match="label 2: the head has 2 classes"):
        run()


def test_a_metric_for_two_classes_on_a_task_of_three(bench, tmp_path) -> None:
    """A task whose entry names no labels is known to have three once its data are there."""
    from essential_sparsity.runs.procedures.fine_tuning.run import fine_tune

    task = replace(bench.task, labels=("a", "b", "c"))
    spec = RunSpec(recipe=RecipeSpec(epochs=1, batch_size=8, learning_rate=1e-2), seed=1)
    for metrics in ("f1", "accuracy,f1"):
        job = Job(
            bench.checkpoint, bench.manifest, task, bench.mask(0.5), spec,
            RestartPoint(tmp_path, "identity"), "title", Scoring.of(metrics),
        )  # fmt: skip
        with pytest.raises(UserError, match="'f1' is for two classes, there are 3: a, b, c"):
            fine_tune(job)
