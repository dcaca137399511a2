"""Lottery tickets: exact counts, nested chains, θp bit for bit, the same masks after a crash."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from essential_sparsity.checkpoints.tensors import read_tensor
from essential_sparsity.masks.criteria.gradual import Gradual
from essential_sparsity.masks.criteria.ticket import Ticket
from essential_sparsity.masks.mask import Mask
from essential_sparsity.support.files import sha256_of
from runs.conftest import Bench

pytestmark = pytest.mark.slow

TOTAL = 4096  # prunable weights of the tiny model


def ticket(sparsity: float, **more: Any) -> Ticket:
    place = {"task": "mood", "recipe": "quick-1", "seed": 1}
    return Ticket(sparsity=sparsity, **{"step": 0.25, **place, **more})


def bits(path: Path) -> dict[str, bytes]:
    mask = Mask.load(path)
    return {name: mask.packed[name].tobytes() for name in mask.matrices}


@pytest.mark.parametrize(
    ("options", "grid"),
    [
        ({}, [0.25, 0.5, 0.75]),
        ({"step_of": "remaining", "step": 0.2}, [0.2, 0.36, 0.488]),
        ({"scope": "layer"}, [0.25, 0.5]),
    ],
)
def test_a_chain_removes_exact_counts_and_is_nested(
    find: Callable[..., Path], options: dict[str, Any], grid: list[float]
) -> None:
    masks = [Mask.load(find(ticket(sparsity, **options))) for sparsity in grid]
    for mask, sparsity in zip(masks, grid, strict=True):
        if options.get("scope") == "layer":
            for name, removed in mask.removed().items():
                assert removed == round(sparsity * mask.header.size(name))
        else:
            assert sum(mask.removed().values()) == round(sparsity * TOTAL)
        assert mask.header.spec["task"] == "mood" and mask.header.spec["seed"] == 1
    for denser, sparser in pairwise(masks):
        assert sparser.is_nested_in(denser)


def test_training_decides_and_seeds_differ(
    find: Callable[..., Path], omp: Callable[[float], Mask]
) -> None:
    one, two = find(ticket(0.5)), find(ticket(0.5, seed=2), seed=2)
    assert bits(one) != bits(two)
    packed = omp(0.5).packed
    assert bits(one) != {name: packed[name].tobytes() for name in packed}


def test_without_learning_a_ticket_is_one_shot_magnitude_pruning_bit_for_bit(
    find: Callable[..., Path], omp: Callable[[float], Mask]
) -> None:
    """A learning rate that float32 rounds to nothing moves no weight."""
    for sparsity in (0.25, 0.5):
        packed = omp(sparsity).packed
        found = bits(find(ticket(sparsity), learning_rate=1e-300))
        assert found == {name: packed[name].tobytes() for name in packed}


def test_each_round_begins_with_the_pre_trained_weights_that_are_left(
    find: Callable[..., Path], bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from essential_sparsity.runs.training.companion import Rewound

    starts: list[dict[str, np.ndarray[Any, Any]]] = []
    before = {path.name: sha256_of(path) for path in bench.checkpoint.iterdir()}

    def look(self: Rewound, held: Any, weights: Any, resumed: Any) -> list[Any]:
        starts.append({w.matrix.name: w.values.numpy().copy() for w in weights})
        return []

    monkeypatch.setattr(Rewound, "callbacks", look)
    first = Mask.load(find(ticket(0.25)))
    find(ticket(0.5))
    assert len(starts) == 2
    for matrix in bench.manifest.matrices:
        stored = read_tensor(bench.checkpoint, matrix).values()
        assert np.array_equal(starts[0][matrix.name], stored)
        kept = first.keep(matrix.name)
        assert np.array_equal(starts[1][matrix.name][kept], stored[kept])
        assert not starts[1][matrix.name][~kept].any()
    assert {path.name: sha256_of(path) for path in bench.checkpoint.iterdir()} == before


def test_a_round_that_was_killed_goes_on_to_the_same_mask(
    find: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from essential_sparsity.runs.training.trainer import MaskCheck

    whole = bits(find(ticket(0.5)))
    find(ticket(0.25)).with_name(f"{ticket(0.5).name}.safetensors").unlink()
    evaluate = MaskCheck.on_evaluate
    calls = []

    def die_in_the_second_epoch(self: MaskCheck, *arguments: Any, **more: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        evaluate(self, *arguments, **more)

    monkeypatch.setattr(MaskCheck, "on_evaluate", die_in_the_second_epoch)
    with pytest.raises(KeyboardInterrupt):
        find(ticket(0.5))
    assert list(tmp_path.rglob("checkpoint-*/whole")), "there is nothing to go on from"
    assert bits(find(ticket(0.5))) == whole
    assert len(calls) == 3, "the first epoch was not done again"


@pytest.mark.parametrize("epochs", [1, 3])
def test_gradual_pruning_ends_at_its_sparsity(find: Callable[..., Path], epochs: int) -> None:
    spec = Gradual(task="mood", recipe="quick-1", seed=1, sparsity=0.6, removals=5)
    mask = Mask.load(find(spec, epochs=epochs))
    assert sum(mask.removed().values()) == round(0.6 * TOTAL)
    assert mask.header.name == spec.name


def test_gradual_pruning_that_was_killed_goes_on_to_the_same_mask(
    find: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from essential_sparsity.tickets.training import GradualRemoval

    spec = Gradual(task="mood", recipe="quick-1", seed=1, sparsity=0.6, removals=4, end=0.9)
    path = find(spec, epochs=3)
    whole = bits(path)
    path.unlink()
    remove = GradualRemoval.remove
    removals: list[int] = []

    def die_at_the_last(self: GradualRemoval, removal: int, *more: Any) -> None:
        removals.append(removal)
        if removals == [1, 2, 3, 4]:
            raise KeyboardInterrupt
        remove(self, removal, *more)

    monkeypatch.setattr(GradualRemoval, "remove", die_at_the_last)
    with pytest.raises(KeyboardInterrupt):
        find(spec, epochs=3)
    assert bits(find(spec, epochs=3)) == whole
    assert removals[4:] in ([4], [3, 4]), "what was removed before was not removed again"


def test_the_schedule_is_cubic() -> None:
    spec = Gradual(sparsity=0.8, removals=4)
    expected = [0.8 * (1 - (1 - t) ** 3) for t in (0.25, 0.5, 0.75, 1)]
    assert [spec.sparsity_after(n) for n in (1, 2, 3, 4)] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"sparsity": 0.3}, "sparsity 0.3 is none that rounds of 0.25 of the original weights"),
        ({"sparsity": 0.25, "scope": "row"}, "scope is 'global' or 'layer'"),
        ({"sparsity": 0.25, "task": None}, "state the task as well"),
    ],
)
def test_what_is_no_ticket_is_refused(options: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        ticket(**options)
