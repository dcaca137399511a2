"""Where memory is short, a run goes on with the same batch in smaller parts, and says so."""

import pytest
import torch

from essential_sparsity.runs.training.devices import fit_memory, launch
from essential_sparsity.support.errors import UserError

pytestmark = pytest.mark.slow

SHORT = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has …"


def device_of(capacity: int, batch: int = 32):
    """Return work that takes `capacity` examples at once, and the limits that it was given."""
    tried: list[int] = []

    def work(limit: int) -> str:
        tried.append(limit)
        if (limit or batch) > capacity:
            raise torch.OutOfMemoryError(SHORT)
        return "done"

    return work, tried


def test_parts_get_smaller_until_they_fit(capsys) -> None:
    work, tried = device_of(capacity=9)
    assert fit_memory(work, 32, 1, 0, "a/b") == "done"
    assert tried == [0, 16, 8]
    notes = capsys.readouterr().err.splitlines()
    assert notes[-1] == (
        "a/b: note: CUDA out of memory: again with 32 examples a step, on 1 device(s) in 4 part(s) "
        "of at most 8"
    )


def test_where_one_example_is_too_many_it_is_one_clear_line() -> None:
    work, tried = device_of(capacity=0)
    with pytest.raises(UserError, match="a/b: CUDA out of memory, with one example at a time"):
        fit_memory(work, 6, 1, 4, "a/b")
    assert tried == [4, 1]


def test_a_run_short_of_memory_in_its_second_epoch_ends_with_the_same_steps(
    run, tmp_path, monkeypatch
) -> None:
    """It goes on from its restart point; other parts draw other dropout, and nothing else."""
    from transformers import Trainer

    undisturbed = run(restart=tmp_path / "undisturbed", epochs=3)
    step, seen = Trainer.training_step, []

    def short(self, model, inputs, *args, **kwargs):
        seen.append(len(inputs["labels"]))
        if self.state.global_step >= 8 and len(inputs["labels"]) > 4:
            raise torch.OutOfMemoryError(SHORT)
        return step(self, model, inputs, *args, **kwargs)

    monkeypatch.setattr(Trainer, "training_step", short)
    short_of = fit_memory(
        lambda limit: run(restart=tmp_path / "short", epochs=3, per_device_batch=limit),
        8, 1, 0, "title",
    )  # fmt: skip
    assert max(seen[:9]) == 8 and seen[-1] == 4
    metrics = short_of.metrics.to_pylist()
    assert metrics[-1]["device_batch"] == 4
    assert [row["step"] for row in metrics] == [8, 16, 24]
    scores = [row["score"] for row in undisturbed.metrics.to_pylist()]
    assert metrics[0]["score"] == scores[0]
    assert [row["score"] for row in metrics] == pytest.approx(scores, abs=10)


def _short() -> None:
    raise torch.OutOfMemoryError(SHORT)


def test_one_of_several_processes_that_is_short_of_memory_says_so() -> None:
    with pytest.raises(torch.OutOfMemoryError, match="CUDA out of memory"):
        launch(2, _short)
