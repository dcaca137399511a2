"""Exact selection, held against brute force: counts, order, ties, types, shards and threads."""

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.masks import streaming
from essential_sparsity.masks.computation import compute_masks
from essential_sparsity.masks.criteria.magnitude import Magnitude
from essential_sparsity.masks.mask import Mask
from essential_sparsity.support.errors import UserError
from masks.conftest import Compute, brute_force, keep_of
from miniature_checkpoints import Bits, names_of, to_bits, write_checkpoint

SPARSITIES = (0.1, 0.35, 0.5, 0.9)
# Values with few different magnitudes, subnormals of every type, both zeros, and extremes.
FEW = (0.0, -0.0, 1e-45, -1e-45, 6e-8, 1e-39, 0.5, -0.5, 1.0, -1.0, 1.00390625, 65504.0, 3e38)


@st.composite
def models(draw: st.DrawFn) -> tuple[list[Bits], str]:
    """Draw six or twelve small matrices of one type, with many ties or with few."""
    dtype = draw(st.sampled_from(["F32", "F16", "BF16"]))
    ties = draw(st.booleans())
    seed = draw(st.integers(0, 2**32 - 1))
    numbers = np.random.default_rng(seed)
    count = draw(st.sampled_from([6, 12]))
    matrices = []
    for _ in range(count):
        shape = draw(st.tuples(st.integers(1, 40), st.integers(1, 9)))
        if ties:
            pool = [v for v in FEW if dtype != "F16" or abs(v) < 7e4]
            values = numbers.choice(np.array(pool, np.float32), shape)
        else:
            values = numbers.normal(size=shape).astype(np.float32)
        matrices.append(to_bits(values, dtype))
    return matrices, dtype


def magnitudes(matrices: list[Bits]) -> list[np.ndarray]:
    """Return |w| as integers by arithmetic of floats, not by the bits' order."""
    return [m & m.dtype.type((1 << (8 * m.itemsize - 1)) - 1) for m in matrices]


def masks_in(folder: Path, *specs: Magnitude, threads: int | None = None) -> list[Mask]:
    paths = {folder / "masks" / f"{spec.name}.safetensors": spec for spec in specs}
    with Checkpoint.survey(folder) as checkpoint:
        compute_masks(checkpoint, paths, threads=threads)
    return [Mask.load(path) for path in paths]


@given(models())
@settings(max_examples=60, deadline=None)
def test_global_selection_equals_a_stable_sort(model: tuple[list[Bits], str]) -> None:
    matrices, dtype = model
    total = sum(m.size for m in matrices)
    with TemporaryDirectory() as name:
        folder = write_checkpoint(Path(name), matrices, dtype)
        masks = masks_in(folder, *(Magnitude(sparsity=s) for s in SPARSITIES))
    for sparsity, mask in zip(SPARSITIES, masks, strict=True):
        count = round(sparsity * total)
        assert mask.header.removed == count
        for found, expected in zip(
            keep_of(mask), brute_force(magnitudes(matrices), count), strict=True
        ):
            assert np.array_equal(found, expected)
    for denser, sparser in pairwise(masks):
        assert sparser.is_nested_in(denser)


@given(models())
@settings(max_examples=40, deadline=None)
def test_layer_and_row_selection_equal_a_stable_sort(model: tuple[list[Bits], str]) -> None:
    matrices, dtype = model
    with TemporaryDirectory() as name:
        folder = write_checkpoint(Path(name), matrices, dtype)
        layer, row = masks_in(
            folder, *(Magnitude(sparsity=0.35, scope=scope) for scope in ("layer", "row"))
        )
    for keys, by_layer, by_row in zip(
        magnitudes(matrices), keep_of(layer), keep_of(row), strict=True
    ):
        assert np.array_equal(by_layer, brute_force([keys], round(0.35 * keys.size))[0])
        expected = [brute_force([r], round(0.35 * r.size))[0] for r in keys]
        assert np.array_equal(by_row, np.array(expected))


@given(models(), st.integers(1, 8), st.integers(1, 24))
@settings(max_examples=60, deadline=None)
def test_every_group_of_a_pattern_keeps_its_highest(
    model: tuple[list[Bits], str], kept: int, more: int
) -> None:
    matrices, dtype = model
    size = kept + more
    # Rows of two groups; both ways of ranking a group are met, since sizes go up to 32.
    rng = np.random.default_rng(size)
    matrices = [rng.choice(m.ravel(), (len(m), 2 * size)) for m in matrices]
    with TemporaryDirectory() as name:
        folder = write_checkpoint(Path(name), matrices, dtype)
        (mask,) = masks_in(folder, Magnitude(pattern=f"{kept}:{size}"))
    for keys, keep in zip(magnitudes(matrices), keep_of(mask), strict=True):
        groups = keep.reshape(-1, size)
        assert np.array_equal(groups.sum(axis=1), np.full(len(groups), kept))
        expected = [brute_force([group], more)[0] for group in keys.reshape(-1, size)]
        assert np.array_equal(groups, np.array(expected))
    assert mask.header.removed * size == mask.header.total * more


@given(models(), st.integers(1, 4), st.integers(1, 3), st.sampled_from([8, 64, 1 << 18]))
@settings(max_examples=25, deadline=None)
def test_shards_threads_and_chunks_change_no_byte(
    model: tuple[list[Bits], str], shards: int, threads: int, chunk: int
) -> None:
    matrices, dtype = model
    specs = [Magnitude(sparsity=0.35), Magnitude(sparsity=0.5, scope="layer")]
    specs += [Magnitude(sparsity=0.5, scope="row"), Magnitude(sparsity=0.5, scope="erk")]
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        one = write_checkpoint(Path(name, "one"), matrices, dtype)
        expected = masks_in(one, *specs, threads=1)
        many = write_checkpoint(Path(name, "many"), matrices, dtype, shards=shards)
        patch.setattr(streaming, "_CHUNK", chunk)
        found = masks_in(many, *specs, threads=threads)
    for first, second in zip(expected, found, strict=True):
        assert first.header.model_copy(update={"checkpoint": ""}) == second.header.model_copy(
            update={"checkpoint": ""}
        )
        for matrix in first.matrices:
            assert np.array_equal(first.packed[matrix], second.packed[matrix])


@pytest.mark.parametrize("amount", [0.215, 0.5, 0.9])
def test_tie_free_selection_equals_that_of_torch(
    compute: Compute, tmp_path: Path, amount: float
) -> None:
    """Bit for bit what `torch.nn.utils.prune.global_unstructured` selects."""
    import torch
    from torch.nn.utils import prune

    shapes = [(64, 32)] * 4 + [(128, 32)] * 8
    draw = np.random.default_rng(0)
    magnitudes = (1 + draw.permutation(40960)) / 40960  # all different
    signed = (magnitudes * draw.choice([-1, 1], 40960)).astype(np.float32)
    parts = np.split(signed, np.cumsum([rows * columns for rows, columns in shapes])[:-1])
    weights = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
    layers = [torch.nn.Linear(*w.shape[::-1], bias=False) for w in weights]
    for layer, values in zip(layers, weights, strict=True):
        layer.weight.data = torch.from_numpy(values.copy())
    prune.global_unstructured(
        [(layer, "weight") for layer in layers], prune.L1Unstructured, amount=amount
    )
    folder = write_checkpoint(tmp_path / "c", [to_bits(w, "F32") for w in weights])
    (mask,) = compute(folder, Magnitude(sparsity=amount))
    for layer, keep in zip(layers, keep_of(mask), strict=True):
        assert np.array_equal(layer.weight_mask.bool().numpy(), keep)


def test_types_that_differ_are_ranked_on_one_scale(compute: Compute, tmp_path: Path) -> None:
    """0.25 in float16 is less than 0.5 in bfloat16 is less than 0.75 in float32."""
    types = ["F16", "BF16", "F32"] * 2
    values = [0.25, 0.5, 0.75, 0.3125, 0.5625, 0.8]
    bits = [to_bits(np.full((1, 8), v), t) for v, t in zip(values, types, strict=True)]
    folder = write_checkpoint(tmp_path / "c", bits, types)
    (mask,) = compute(folder, Magnitude(sparsity=0.5))
    # In order: .25, .3125, .5 go; .5625, .75, .8 stay.
    assert [keep.all() for keep in keep_of(mask)] == [False, False, True, False, True, True]
    assert mask.header.selected_on == "BF16,F16,F32"
    assert mask.header.threshold == 0.5


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_signs_zeros_and_subnormals(compute: Compute, tmp_path: Path, dtype: str) -> None:
    """Order is by magnitude: −0 = 0 < the smallest subnormal < … < 1 = −1."""
    smallest = np.array([1], np.uint32 if dtype == "F32" else np.uint16)
    one = to_bits([1.0, -1.0], dtype)
    zeros = to_bits([0.0, -0.0], dtype)
    row = np.concatenate([one[:1], zeros[1:], smallest, zeros[:1], one[1:], one, one[:1]])
    bits = [row.reshape(1, 8)] + [np.concatenate([one] * 4).reshape(1, 8)] * 5
    folder = write_checkpoint(tmp_path / "c", bits, dtype)
    (two, three, four) = compute(folder, *(Magnitude(sparsity=round(k / 48, 6)) for k in (2, 3, 4)))
    assert keep_of(two)[0].tolist() == [[True, False, True, False, True, True, True, True]]
    assert keep_of(three)[0].tolist() == [[True, False, False, False, True, True, True, True]]
    assert keep_of(four)[0].tolist() == [[False, False, False, False, True, True, True, True]]
    assert (two.header.threshold, four.header.threshold) == (0.0, 1.0)


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
@pytest.mark.parametrize(
    "spec",
    [Magnitude(sparsity=0.5), Magnitude(sparsity=0.5, scope="row"), Magnitude(pattern="2:4")],
)
@pytest.mark.parametrize(
    ("bad", "what"), [(np.inf, "infinite"), (-np.inf, "infinite"), (np.nan, "not a number")]
)
def test_a_weight_that_is_no_number_is_named(
    compute: Compute, tmp_path: Path, dtype: str, spec: Magnitude, bad: float, what: str
) -> None:
    values = [np.ones((3, 4), np.float32) for _ in range(6)]
    values[4][2, 1] = bad
    folder = write_checkpoint(tmp_path / "c", [to_bits(v, dtype) for v in values], dtype)
    with pytest.raises(UserError) as error:
        compute(folder, spec)
    assert str(error.value).startswith(f"{names_of(6)[4]}: weight [2, 1] is {what}")
    assert not list(tmp_path.rglob("masks/*"))


def test_a_row_that_groups_cannot_divide_is_named(compute: Compute, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "c", [to_bits(np.ones((2, 6)), "F32")] * 6)
    with pytest.raises(UserError) as error:
        compute(folder, Magnitude(pattern="2:4"))
    assert str(error.value) == (
        f"pattern 2:4: {names_of(6)[0]}: its rows have 6 weights, which is no multiple of 4"
    )


def test_wider_weights_are_refused(compute: Compute, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "c", [to_bits(np.ones((2, 4)), "F64")] * 6, "F64")
    with pytest.raises(UserError, match="stored as F64; magnitudes are selected on F32, F16 or"):
        compute(folder, Magnitude(sparsity=0.5))
