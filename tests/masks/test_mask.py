"""The mask's file: what is written comes back, and what was tampered with does not."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from essential_sparsity.masks.mask import Mask
from essential_sparsity.support.errors import UserError

KEEPS = {
    "a.weight": np.array([[True, False, True], [False, True, False], [True, True, True]]),
    "b.weight": np.arange(24).reshape(4, 6) % 3 > 0,
}


@pytest.fixture
def mask() -> Mask:
    removed = sum(int((~keep).sum()) for keep in KEEPS.values())
    total = sum(keep.size for keep in KEEPS.values())
    return Mask.build(
        KEEPS,
        {"criterion": "magnitude", "sparsity": round(removed / total, 6)},
        name="magnitude-global-s0.333333",
        architecture="bert",
        checkpoint="0" * 64,
        selected_on="F32",
        threshold=0.5,
    )


@pytest.fixture
def path(mask: Mask, tmp_path: Path) -> Path:
    mask.save(tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


def rewrite(path: Path, **changes: object) -> None:
    """Save the file anew with other metadata or other tensors."""
    with safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        header = json.loads(file.metadata()["mask"])
    tensors |= changes.pop("tensors", {})  # type: ignore[arg-type]
    for name in changes.pop("without", ()):  # type: ignore[attr-defined]
        del tensors[name]
    save_file(tensors, path, metadata={"mask": json.dumps({**header, **changes})})


def test_a_mask_comes_back(mask: Mask, path: Path) -> None:
    loaded = Mask.load(path)
    assert loaded.header == mask.header
    assert loaded.matrices == tuple(KEEPS)
    for name, keep in KEEPS.items():
        assert np.array_equal(loaded.keep(name), keep)
        assert loaded.kept(name) == keep.sum()
    assert loaded.sparsity == pytest.approx(loaded.header.spec["sparsity"], abs=1e-6)
    assert loaded.removed() == {name: int((~keep).sum()) for name, keep in KEEPS.items()}


def test_the_printed_reader_reads_it(path: Path) -> None:
    """docs/mask-format.md prints a reader in plain numpy: it is run here as printed."""
    page = (Path(__file__).parents[2] / "docs" / "mask-format.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    space: dict[str, object] = {}
    exec(code, space)
    masks = space["read_mask"](path)  # type: ignore[operator]
    assert {name: keep.tolist() for name, keep in masks.items()} == {
        name: keep.tolist() for name, keep in KEEPS.items()
    }


def test_equal_masks_are_equal_files(mask: Mask, path: Path, tmp_path: Path) -> None:
    mask.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_the_manifest_names_the_bytes(path: Path) -> None:
    from essential_sparsity.support.files import sha256_of

    manifest = json.loads(path.with_suffix(".json").read_text())
    assert manifest["sha256"] == sha256_of(path)


def test_nesting(mask: Mask) -> None:
    def with_keeps(keeps: dict[str, np.ndarray]) -> Mask:
        return Mask.build(keeps, mask.header.spec, architecture="bert", checkpoint="0" * 64)

    assert mask.is_nested_in(mask)
    fewer = {
        name: keep & (np.arange(keep.size).reshape(keep.shape) > 4) for name, keep in KEEPS.items()
    }
    assert with_keeps(fewer).is_nested_in(mask)
    assert not mask.is_nested_in(with_keeps(fewer))


DAMAGE = {
    "truncated": (lambda p: p.write_bytes(p.read_bytes()[:-3]), "not a whole mask file"),
    "no mask at all": (lambda p: p.write_bytes(b"hello"), "not a whole mask file"),
    "no metadata": (lambda p: save_file({"a": np.zeros(1, np.uint8)}, p), "no mask metadata"),
    "format version": (lambda p: rewrite(p, format_version=2), "format_version: 2 is not readable"),
    "wrong count": (lambda p: rewrite(p, removed=3), "the bits remove 11 of 33 weights"),
    "wrong total": (
        lambda p: rewrite(p, total=34),
        "the matrices have 33 weights, the metadata say 34",
    ),
    "other bits": (
        lambda p: rewrite(p, tensors={"a.weight": np.array([255, 1], np.uint8)}),
        "the bits remove 8 of 33 weights",
    ),
    "other shape": (
        lambda p: rewrite(p, shapes={"a.weight": [3, 9], "b.weight": [4, 6]}),
        "a.weight: U8[2] does not hold the 27 bits of shape [3, 9]",
    ),
    "a bit behind the end": (
        lambda p: rewrite(p, tensors={"a.weight": np.array([255, 3], np.uint8)}),
        "a.weight: bits set behind the last weight",
    ),
    "matrix missing": (lambda p: rewrite(p, without=["b.weight"]), "b.weight: in the metadata or"),
    "matrix too many": (
        lambda p: rewrite(p, tensors={"c.weight": np.zeros(1, np.uint8)}),
        "c.weight: in the metadata or",
    ),
    "unknown key": (lambda p: rewrite(p, colour="red"), "colour: unknown key"),
    "gone": (lambda p: p.unlink(), "no such mask file"),
}


def test_any_other_byte_is_noticed_beside_the_manifest(path: Path) -> None:
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x81]) + whole[place + 1 :])
        with pytest.raises(UserError, match=r"m\.safetensors: damaged: its sha256 is not"):
            Mask.load(path)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_mask_is_named(path: Path, damage: str) -> None:
    harm, message = DAMAGE[damage]
    # A mask that somebody was given alone: nothing has its digest.
    path.with_suffix(".json").unlink()
    harm(path)
    with pytest.raises(UserError) as error:
        Mask.load(path)
    assert str(path) in str(error.value)
    assert message in str(error.value)
