"""Each criterion does what it says: random, matched, ERK, noisy and imported masks."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.masks.criteria.dense import Dense
from essential_sparsity.masks.criteria.imported import Imported
from essential_sparsity.masks.criteria.magnitude import Magnitude
from essential_sparsity.masks.criteria.noisy_magnitude import NoisyMagnitude
from essential_sparsity.masks.criteria.random import Random
from essential_sparsity.masks.criterion import Inputs
from essential_sparsity.masks.cuts import allot_by_erk
from essential_sparsity.masks.keys import Computed
from essential_sparsity.masks.mask import Mask
from essential_sparsity.masks.registry import check_mask, known_criteria, module_of
from essential_sparsity.support.errors import UserError
from masks.conftest import Compute, keep_of
from miniature_checkpoints import names_of, to_bits, write_checkpoint, write_tensors

SHAPES = [(32, 32)] * 4 + [(64, 32), (32, 64)]
TOTAL = sum(rows * columns for rows, columns in SHAPES)


def values(seed: int = 0) -> list[np.ndarray]:
    """Return weights whose scale differs from matrix to matrix."""
    draw = np.random.default_rng(seed)
    return [(1 + i) * draw.normal(size=s).astype(np.float32) for i, s in enumerate(SHAPES)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "c", [to_bits(v, "F32") for v in values()])


def test_the_dense_mask_keeps_everything(compute: Compute, folder: Path) -> None:
    (mask,) = compute(folder, Dense())
    assert all(keep.all() for keep in keep_of(mask)) and mask.header.removed == 0


def test_random_masks_have_exact_counts_are_nested_and_differ_by_seed(
    compute: Compute, folder: Path
) -> None:
    masks = compute(
        folder, *(Random(sparsity=s) for s in (0.1, 0.5, 0.9)), Random(sparsity=0.5, seed=1)
    )
    assert [m.header.removed for m in masks] == [round(s * TOTAL) for s in (0.1, 0.5, 0.9, 0.5)]
    for denser, sparser in pairwise(masks[:3]):
        assert sparser.is_nested_in(denser)
    one, other = (
        np.concatenate([k.ravel() for k in keep_of(masks[1])]),
        np.concatenate([k.ravel() for k in keep_of(masks[3])]),
    )
    # Two fair coins agree half of the time; five standard deviations of that.
    assert abs((one == other).mean() - 0.5) < 5 * 0.5 / np.sqrt(TOTAL)


def test_random_masks_of_different_scopes_share_nothing_but_chance(
    compute: Compute, folder: Path
) -> None:
    """One seed, two scopes: as null models they stand side by side."""
    one, other = compute(folder, Random(sparsity=0.5), Random(sparsity=0.5, scope="layer"))
    keeps = [np.concatenate([k.ravel() for k in keep_of(m)]) for m in (one, other)]
    assert abs((keeps[0] == keeps[1]).mean() - 0.5) < 5 * 0.5 / np.sqrt(TOTAL)


def test_random_masks_are_uniform(compute: Compute, folder: Path) -> None:
    """Rows and columns of each matrix lose their share, within five standard deviations."""
    (mask,) = compute(folder, Random(sparsity=0.5))
    for keep in keep_of(mask):
        for axis in (0, 1):
            spread = np.sqrt(0.25 / keep.shape[axis])
            assert np.abs(keep.mean(axis=axis) - 0.5).max() < 5 * spread


def test_random_masks_are_the_same_for_ever(compute: Compute, folder: Path) -> None:
    """A change of these bytes would change everybody's masks."""
    (mask,) = compute(folder, Random(sparsity=0.5, seed=7))
    first = mask.packed[mask.matrices[0]][:8].tobytes().hex()
    assert first == GOLDEN


GOLDEN = "3d8fafd6359ef304"


def test_matched_masks_remove_as_much_of_every_matrix(compute: Compute, folder: Path) -> None:
    (other,) = compute(folder, Magnitude(sparsity=0.5))
    path = folder.parent / "masks" / "magnitude-global-s0.50.safetensors"
    spec = Random(scope="matched", like="magnitude-global", sparsity=0.5)
    inputs = Inputs(masks={"magnitude-global-s0.50": path})
    (mask,) = compute(folder, spec, inputs=inputs)
    assert mask.removed() == other.removed()
    assert len(set(mask.removed().values())) > 1
    assert not mask.is_nested_in(other)
    assert list(mask.header.inputs) == ["mask magnitude-global-s0.50"]


def test_a_mask_of_another_model_cannot_be_matched(
    compute: Compute, folder: Path, tmp_path: Path
) -> None:
    small = write_checkpoint(tmp_path / "s", [to_bits(np.ones((2, 4)), "F32")] * 6)
    compute(small, Magnitude(sparsity=0.5))
    path = tmp_path / "masks" / "magnitude-global-s0.50.safetensors"
    spec = Random(scope="matched", like="magnitude-global", sparsity=0.5)
    with pytest.raises(UserError) as error:
        compute(folder, spec, inputs=Inputs(masks={"magnitude-global-s0.50": path}))
    assert f"{path}: is a mask of another model" in str(error.value)
    with pytest.raises(UserError, match="to match, is not given"):
        compute(folder, spec)


def matrices(*shapes: tuple[int, int]) -> tuple[Matrix, ...]:
    return tuple(
        Matrix(
            name=str(i), shape=s, dtype="F32", file="f", layer=0, module=str(i), part="attention"
        )
        for i, s in enumerate(shapes)
    )


def test_erk_densities_by_hand() -> None:
    """Densities are as (10 + 10)/100 to (10 + 40)/400, 8 to 5: of 500, 250 stay.

    x (8 · 100 + 5 · 400) = 250 gives x = 250/2800, so that 71.43 and 178.57 stay: 71 and 179.
    """
    groups = allot_by_erk(matrices((10, 10), (10, 40)), 0.5)
    assert [group.removed for group in groups] == [29, 221]


def test_erk_leaves_a_matrix_dense_that_would_be_denser_than_that() -> None:
    """(2, 2) and (100, 100): 0.5 sparsity wants a density of 25 for the small one."""
    groups = allot_by_erk(matrices((2, 2), (100, 100)), 0.5)
    assert [group.removed for group in groups] == [0, 5002]


def test_erk_masks_have_the_exact_count(compute: Compute, folder: Path) -> None:
    for spec in (Random(sparsity=0.345, scope="erk"), Magnitude(sparsity=0.9, scope="erk")):
        (mask,) = compute(folder, spec)
        assert mask.header.removed == round(spec.sparsity * TOTAL)  # type: ignore[operator]
        rates = [n / mask.header.size(name) for name, n in mask.removed().items()]
        assert max(rates[:4]) < min(rates[4:])  # the smaller matrices stay denser


def noise_of(folder: Path, spec: NoisyMagnitude, inputs: Inputs) -> list[np.ndarray]:
    """Return |w + ε| − |w| where signs agree: the noise, up to sign, of every matrix."""
    with Checkpoint.survey(folder) as checkpoint:
        found = []
        for matrix in checkpoint.matrices:
            weights = checkpoint.tensor(matrix).values()
            big = np.full_like(weights, 100.0) + weights  # no sign is lost
            found.append(score_of(spec, checkpoint, matrix, big, inputs) - big)
        return found


def score_of(
    spec: NoisyMagnitude,
    checkpoint: Checkpoint,
    matrix: Matrix,
    weights: np.ndarray,
    inputs: Inputs,
) -> np.ndarray:
    scores = spec.scores(checkpoint, inputs)
    assert isinstance(scores, Computed)
    return scores.score(matrix, weights)


def test_noise_has_the_norm_that_is_asked_for(folder: Path, tmp_path: Path) -> None:
    wanted = {name: 0.5 + i for i, name in enumerate(names_of(6))}
    path = tmp_path / "norms.json"
    path.write_text(json.dumps(wanted))
    spec = NoisyMagnitude(norms=str(path), sparsity=0.5)
    noise = noise_of(folder, spec, Inputs(files={"norms": path}))
    for own, norm in zip(noise, wanted.values(), strict=True):
        assert np.linalg.norm(own.astype(np.float64)) == pytest.approx(norm, rel=1e-3)
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.2


def test_noise_relative_to_each_matrix(folder: Path) -> None:
    weights = values()[3] + np.float32(100)  # no sign is lost
    matrix = matrices((32, 32))[0]
    spec = NoisyMagnitude(noise=0.01, sparsity=0.5)
    with Checkpoint.survey(folder) as checkpoint:
        score = score_of(spec, checkpoint, matrix, weights, Inputs())
    moved = (score - weights).astype(np.float64)
    assert np.linalg.norm(moved) == pytest.approx(0.01 * np.linalg.norm(weights), rel=1e-3)


def test_the_less_noise_the_more_the_mask_is_that_of_magnitude(
    compute: Compute, folder: Path
) -> None:
    noisy = [NoisyMagnitude(noise=noise, sparsity=0.5) for noise in (1e-7, 0.05, 0.5)]
    masks = compute(folder, Magnitude(sparsity=0.5), *noisy)
    whole = [np.concatenate([k.ravel() for k in keep_of(m)]) for m in masks]
    agreement = [float((whole[0] == other).mean()) for other in whole[1:]]
    assert agreement[0] > 0.999 and agreement == sorted(agreement, reverse=True)
    assert agreement[2] < 0.9
    assert len({m.header.removed for m in masks}) == 1


@pytest.mark.parametrize("bad", [None, 0, -1.0, "1", float("nan")])
def test_a_norm_that_is_none_is_named(
    compute: Compute, folder: Path, tmp_path: Path, bad: object
) -> None:
    norms = dict.fromkeys(names_of(6), 1.0) | {names_of(6)[2]: bad}
    path = tmp_path / "norms.json"
    path.write_text(json.dumps(norms))
    spec = NoisyMagnitude(norms=str(path), sparsity=0.5)
    with pytest.raises(UserError) as error:
        compute(folder, spec, inputs=Inputs(files={"norms": path}))
    assert str(error.value).startswith(f"{path}: {names_of(6)[2]}: ")


KEEPS = [np.random.default_rng(1).random(shape) < 0.6 for shape in SHAPES]


def imported(compute: Compute, folder: Path, file: Path) -> Mask:
    spec = Imported(mask="mine", file=str(file))
    (mask,) = compute(folder, spec, inputs=Inputs(files={"file": file}))
    return mask


@pytest.mark.parametrize("prefix", ["", "bert.", "model.bert."])
def test_booleans_are_imported_by_place(
    compute: Compute, folder: Path, tmp_path: Path, prefix: str
) -> None:
    file = tmp_path / "m.safetensors"
    write_tensors(file, {n: ("BOOL", k) for n, k in zip(names_of(6, prefix), KEEPS, strict=True)})
    mask = imported(compute, folder, file)
    for found, keep in zip(keep_of(mask), KEEPS, strict=True):
        assert np.array_equal(found, keep)
    assert mask.header.removed == sum(int((~k).sum()) for k in KEEPS)
    assert mask.header.name == "imported-mine"


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16", "F64"])
def test_the_zeros_of_a_pruned_checkpoint_are_imported(
    compute: Compute, folder: Path, tmp_path: Path, dtype: str
) -> None:
    """Both zeros, that is; other tensors of the checkpoint do not matter."""
    zeros = [np.where(k, v, -0.0 * v) for k, v in zip(KEEPS, values(), strict=True)]
    pruned = write_checkpoint(tmp_path / "p", [to_bits(z, dtype) for z in zeros], dtype)
    mask = imported(compute, folder, pruned / "model.safetensors")
    for found, keep in zip(keep_of(mask), KEEPS, strict=True):
        assert np.array_equal(found, keep)


def test_what_cannot_be_imported_is_named(compute: Compute, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "m.safetensors"
    tensors = {n: ("BOOL", k) for n, k in zip(names_of(6), KEEPS, strict=True)}
    name = names_of(6)[4]

    def error_of(tensors: dict[str, tuple[str, np.ndarray]]) -> str:
        write_tensors(file, tensors)
        with pytest.raises(UserError) as error:
            imported(compute, folder, file)
        assert str(file) in str(error.value)
        return str(error.value)

    assert f"'{name}' is [32, 64], the checkpoint's matrix is [64, 32]" in error_of(
        tensors | {name: ("BOOL", KEEPS[5])}
    )
    assert f"'{name}' is I8; a mask is BOOL" in error_of(
        tensors | {name: ("I8", KEEPS[4].astype(np.int8))}
    )
    assert "lacks its feed_forward_in" in error_of({n: t for n, t in tensors.items() if n != name})
    assert "no prunable matrix" in error_of({"a": ("BOOL", KEEPS[0])})
    deeper = {n: ("BOOL", k) for n, k in zip(names_of(12), KEEPS * 2, strict=True)}
    assert "is of a layer that the checkpoint" in error_of(deeper)
    assert f"'{name}': 2 is no boolean" in error_of(
        tensors | {name: ("BOOL", KEEPS[4].astype(np.uint8) * 2)}
    )
    with pytest.raises(UserError, match="no such file"):
        imported(compute, folder, tmp_path / "nowhere.safetensors")


def test_names_say_everything() -> None:
    names = {
        Magnitude(sparsity=0.5): "magnitude-global-s0.50",
        Magnitude(sparsity=0.215, scope="layer"): "magnitude-layer-s0.215",
        Magnitude(pattern="2:4"): "magnitude-2of4",
        Random(sparsity=0.5, scope="erk", seed=3): "random-erk-seed3-s0.50",
        Random(pattern="4:8"): "random-4of8-seed0",
        Random(scope="matched", like="imported-mine"): "random-matched-imported-mine-seed0",
        NoisyMagnitude(noise=0.05, sparsity=0.5): "noisy-magnitude-global-noise0.05-seed0-s0.50",
        NoisyMagnitude(norms="a/rte.json", sparsity=0.5): (
            "noisy-magnitude-global-norms-rte-seed0-s0.50"
        ),
    }
    assert {spec: spec.name for spec in names} == names
    assert Magnitude(pattern="2:4").family == Magnitude(pattern="1:4").family == "magnitude-nof4"
    assert Magnitude(pattern="1:4").label().sparsity == 0.75
    assert Random(scope="matched", like="magnitude-global", sparsity=0.5).references() == (
        "magnitude-global-s0.50",
    )


def test_the_registry_finds_every_module_and_says_which_makes_a_mask() -> None:
    assert list(known_criteria()) == [
        "magnitude", "dense", "gradual", "imported", "noisy-magnitude", "random", "ticket",
    ]  # fmt: skip
    assert module_of("noisy-magnitude") == "essential_sparsity.masks.criteria.noisy_magnitude"
    for kind in known_criteria().values():
        assert kind.__doc__


def test_a_spec_comes_back_from_its_document() -> None:
    for spec in (Random(sparsity=0.5, scope="erk", seed=3), Magnitude(pattern="2:4"), Dense()):
        assert check_mask(spec.document(), "here") == spec
    with pytest.raises(UserError) as error:
        check_mask({"criterion": "magnitud"}, "here")
    assert str(error.value) == (
        "here: criterion: unknown criterion 'magnitud'; did you mean 'magnitude'? "
        "(known: dense, gradual, imported, magnitude, noisy-magnitude, random, ticket)"
    )


def test_a_mask_is_the_same_file_whatever_is_made_beside_it(
    compute: Compute, folder: Path, tmp_path: Path
) -> None:
    specs = [Random(sparsity=0.5), Random(sparsity=0.5, scope="matched", like="magnitude-global")]
    compute(folder, Magnitude(sparsity=0.5))
    masks = tmp_path / "masks"
    path = masks / "magnitude-global-s0.50.safetensors"
    inputs = Inputs(masks={"magnitude-global-s0.50": path})
    compute(folder, *specs, inputs=inputs)
    together = {spec: (masks / f"{spec.name}.safetensors").read_bytes() for spec in specs}
    for spec in specs:
        compute(folder, spec, inputs=inputs)
        assert (masks / f"{spec.name}.safetensors").read_bytes() == together[spec]
