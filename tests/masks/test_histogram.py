"""The kept histogram: it comes back, it is checked, and it changes no byte of a mask."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.masks import computation
from essential_sparsity.masks.computation import compute_masks
from essential_sparsity.masks.criteria.magnitude import Magnitude
from essential_sparsity.masks.histogram import Histogram, count_keys
from essential_sparsity.masks.keys import Magnitudes
from essential_sparsity.support.errors import UserError
from miniature_checkpoints import to_bits, write_checkpoint

SPECS = [
    Magnitude(sparsity=0.3),
    Magnitude(sparsity=0.7),
    Magnitude(sparsity=0.3, scope="layer"),
    Magnitude(sparsity=0.3, scope="erk"),
]


def weights(dtype: str, seed: int = 0) -> list[np.ndarray]:
    draw = np.random.default_rng(seed)
    return [to_bits(np.round(draw.normal(size=(24, 16)), 2), dtype) for _ in range(6)]


@pytest.fixture(params=["F32", "F16", "BF16"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "c", weights(request.param), request.param)


def count(folder: Path) -> Histogram:
    with Checkpoint.survey(folder) as checkpoint:
        return count_keys(checkpoint, Magnitudes(checkpoint))


def test_it_counts_every_weight_under_its_magnitude(folder: Path, tmp_path: Path) -> None:
    histogram = count(folder)
    with Checkpoint.survey(folder) as checkpoint:
        for row, matrix in zip(histogram.counts, checkpoint.matrices, strict=True):
            keys = checkpoint.tensor(matrix).magnitude_keys().ravel()
            bins = keys >> 15 if histogram.bits == 31 else keys
            assert np.array_equal(row, np.bincount(bins, minlength=len(row)))


def test_it_comes_back(folder: Path, tmp_path: Path) -> None:
    histogram = count(folder)
    histogram.save(tmp_path / "h.safetensors")
    with Checkpoint.survey(folder) as checkpoint:
        loaded = Histogram.load(tmp_path / "h.safetensors", checkpoint)
    assert np.array_equal(loaded.counts, histogram.counts)
    assert (loaded.bits, loaded.selected_on) == (histogram.bits, histogram.selected_on)


def test_masks_are_the_same_with_it_and_nothing_is_counted_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    histogram = count(folder)
    with Checkpoint.survey(folder) as checkpoint:
        compute_masks(checkpoint, {tmp_path / "without" / s.name: s for s in SPECS})
        monkeypatch.delattr(computation, "count_keys")
        compute_masks(
            checkpoint, {tmp_path / "with" / s.name: s for s in SPECS}, histogram=histogram
        )
    for spec in SPECS:
        first, second = (tmp_path / place / spec.name for place in ("with", "without"))
        assert first.read_bytes() == second.read_bytes()


def test_weights_that_changed_after_the_count_are_noticed(folder: Path, tmp_path: Path) -> None:
    histogram = count(folder)
    other = weights("F16" if histogram.selected_on == "F16" else histogram.selected_on, seed=1)
    write_checkpoint(folder, other, histogram.selected_on)
    with Checkpoint.survey(folder) as checkpoint, pytest.raises(UserError) as error:
        compute_masks(checkpoint, {tmp_path / "m": SPECS[0]}, histogram=histogram)
    assert "is not what it was when its weights were counted" in str(error.value)
    assert not (tmp_path / "m").exists()


def damage(path: Path, **changes: np.ndarray) -> None:
    """Write the file anew with other arrays, and as files were before they had seals."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        document = json.loads(file.metadata()["histogram"])
    assert document.pop("sealed")
    metadata = {"histogram": json.dumps(document)}
    save_file({**load_file(path), **changes}, path, metadata=metadata)


def test_a_damaged_or_foreign_one_is_named(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "h.safetensors"

    def error_of(where: Path = folder) -> str:
        with Checkpoint.survey(where) as checkpoint, pytest.raises(UserError) as error:
            Histogram.load(path, checkpoint)
        assert str(path) in str(error.value)
        return str(error.value)

    assert "no such histogram file" in error_of()
    count(folder).save(path)
    whole = path.read_bytes()
    other = write_checkpoint(tmp_path / "other", weights("F32", seed=2))
    assert "was made from another checkpoint" in error_of(other)
    path.write_bytes(whole[:-9])
    assert "damaged: changed since it was written" in error_of()
    path.write_bytes(whole)
    damage(path, counts=load_file(path)["counts"] + 1)
    assert "its counts are not those of the matrices" in error_of()
    path.write_bytes(whole)
    damage(path, ends=load_file(path)["ends"][:-1])
    assert "not a histogram of format 1" in error_of()
