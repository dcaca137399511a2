"""Reading stored tensors: the bits, their order, and files that are not what they say."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from essential_sparsity.checkpoints.tensors import FORMATS, StoredTensor, read_header, read_tensor
from essential_sparsity.support.errors import UserError


@dataclass(frozen=True)
class Place:
    name: str
    file: str
    dtype: str
    shape: tuple[int, ...]
    layout: None = None

    @property
    def tensor(self) -> str:
        return self.name


def file_of(header: Any, data: bytes, announced: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    length = len(text) if announced is None else announced
    return length.to_bytes(8, "little") + text + data


def entry(start: int, end: int, dtype: str = "F32", shape: Any = (2,)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


SOUND = {"__metadata__": {"format": "pt"}, "a": entry(0, 8), "b": entry(8, 20, "U8", (3, 4))}


def as_bits(values: np.ndarray, dtype: str) -> np.ndarray:
    """Return float32 numbers as the bits of `dtype`; bfloat16 is float32's upper half."""
    if dtype == "BF16":
        return (values.astype("<f4").view("<u4") >> 16).astype("<u2")
    form = FORMATS[dtype]
    return values.astype(f"<f{form.bits // 8}").view(form.unsigned)


@pytest.mark.parametrize("dtype", FORMATS)
def test_keys_have_the_order_of_magnitudes(dtype: str) -> None:
    random = np.random.default_rng(0)
    draws = random.normal(size=500) * 10.0 ** random.integers(-9, 4, 500)
    values = np.concatenate([draws, -draws, [0.0, -0.0, 6e-8, -6e-8, 1e-40]]).astype(np.float32)
    bits = as_bits(values, dtype)
    tensor = StoredTensor("w", dtype, bits.shape, bits)
    keys, magnitudes = tensor.magnitude_keys(), np.abs(tensor.values().astype(np.float64))
    order = np.argsort(magnitudes, kind="stable")
    steps, key_steps = np.diff(magnitudes[order]), np.diff(keys[order].astype(object))
    assert ((steps > 0) == (key_steps > 0)).all()
    assert (key_steps >= 0).all()
    assert keys.dtype == FORMATS[dtype].unsigned
    assert len(set(keys[-5:-3])) == 1  # zero has no sign


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize(("value", "kind"), [(np.nan, "not a number"), (-np.inf, "infinite")])
def test_numbers_that_are_not_finite_are_named(dtype: str, value: float, kind: str) -> None:
    bits = as_bits(np.array([1, value, 2], np.float32), dtype)
    with pytest.raises(UserError, match=rf"^layer.w: weight 1 is {kind}"):
        StoredTensor("layer.w", dtype, (3,), bits).magnitude_keys()


def test_the_largest_finite_number_is_one() -> None:
    bits = np.array([0x7BFF, 0xFBFF], np.uint16)
    assert list(StoredTensor("w", "F16", (2,), bits).magnitude_keys()) == [0x7BFF, 0x7BFF]


@pytest.mark.parametrize("dtype", ["F16", "BF16", "F32"])
def test_values_are_those_of_torch(dtype: str, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    kinds = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32}
    stored = torch.randn(3, 5, generator=torch.Generator().manual_seed(0)).to(kinds[dtype])
    # An odd number of bytes before it, so that its place in the file is not aligned.
    save_file({"w": stored, "z": torch.zeros(3, dtype=torch.uint8)}, tmp_path / "m.safetensors")
    tensor = read_tensor(tmp_path, Place("w", "m.safetensors", dtype, (3, 5)))
    assert (tensor.values() == stored.float().numpy()).all()
    assert tensor.values().dtype == np.float32


def test_tensors_are_mapped_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    data = np.arange(2, dtype="<f4").tobytes() + bytes(range(12))
    path.write_bytes(file_of(SOUND, data))
    tensor = read_tensor(tmp_path, Place("a", path.name, "F32", (2,)))
    base: Any = tensor.bits
    while isinstance(base, np.ndarray):
        assert not base.flags.owndata
        base = base.base
    assert list(tensor.values()) == [0, 1]


def test_an_empty_tensor_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(file_of({"a": entry(0, 0, "F16", (0, 4))}, b""))
    tensor = read_tensor(tmp_path, Place("a", path.name, "F16", (0, 4)))
    assert tensor.magnitude_keys().shape == (0, 4)


DATA = bytes(20)
LYING = {
    "cut in the data": file_of(SOUND, DATA[:-1]),
    "bytes too many": file_of(SOUND, DATA + b"x"),
    "cut in the header": file_of(SOUND, b"")[:-3],
    "cut in the length": b"\1\0\0",
    "empty": b"",
    "length of a petabyte": file_of(SOUND, DATA, 1 << 50),
    "no JSON": file_of(b"{", b""),
    "no text": file_of(b"\xff\xfe\xff", b""),
    "no object": file_of([1], b""),
    "too deep": file_of(b"[" * 90_000, b""),
    "name twice": file_of(b'{"a":%b,"a":%b}' % ((json.dumps(entry(0, 8)).encode(),) * 2), DATA[:8]),
    "no entry": file_of({"a": 1}, b""),
    "no type": file_of({"a": {"shape": [2], "data_offsets": [0, 8]}}, DATA[:8]),
    "unknown type": file_of({"a": entry(0, 8, "F31")}, DATA[:8]),
    "type of the wrong kind": file_of({"a": {**entry(0, 8), "dtype": []}}, DATA[:8]),
    "negative shape": file_of({"a": entry(0, 8, shape=(-1, -2))}, DATA[:8]),
    "fractional shape": file_of({"a": entry(0, 8, shape=(2.0,))}, DATA[:8]),
    "boolean shape": file_of({"a": entry(0, 4, shape=(True,))}, DATA[:4]),
    "shape and bytes differ": file_of({"a": entry(0, 8, shape=(3,))}, DATA[:8]),
    "overflowing shape": file_of({"a": entry(0, 8, shape=(1 << 62, 4))}, DATA[:8]),
    "three offsets": file_of({"a": {**entry(0, 8), "data_offsets": [0, 4, 8]}}, DATA[:8]),
    "backwards": file_of({"a": entry(8, 0)}, DATA[:8]),
    "overlap": file_of({"a": entry(0, 8), "b": entry(4, 12)}, DATA[:12]),
    "gap": file_of({"a": entry(0, 8), "b": entry(12, 20)}, DATA),
    "begins late": file_of({"a": entry(8, 16)}, DATA[:16]),
    "LFS pointer": b"version https://git-lfs.example/spec/v1\noid sha256:00\nsize 9\n",
}


@pytest.mark.parametrize("case", LYING)
def test_files_that_lie_are_refused(case: str, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(LYING[case])
    with pytest.raises(UserError, match=r"m.safetensors: not a whole safetensors file"):
        read_header(path)


def test_a_pointer_of_git_lfs_is_called_one(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(LYING["LFS pointer"])
    with pytest.raises(UserError, match="git lfs pull"):
        read_header(path)


def test_a_sound_file_is_not_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(file_of(SOUND, DATA))
    assert {name: item.shape for name, item in read_header(path).items()} == {
        "a": (2,),
        "b": (3, 4),
    }


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    for number, name in enumerate("ab"):  # of the same length
        path.write_bytes(file_of({name: entry(0, 8)}, DATA[:8]))
        os.utime(path, ns=(number, number))
        assert set(read_header(path)) == {name}


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (Place("x", "m.safetensors", "F32", (2,)), "lacks the tensor 'x'"),
        (Place("a", "m.safetensors", "F16", (2,)), r"'a' is F32 \[2\], F16 \[2\] was expected"),
        (Place("a", "m.safetensors", "F32", (1, 2)), r"'a' is F32 \[2\], F32 \[1, 2\]"),
        (Place("b", "m.safetensors", "U8", (3, 4)), "'b' is stored as U8; .*BF16"),
        (Place("a", "other.safetensors", "F32", (2,)), "other.safetensors: no such file"),
    ],
)
def test_tensors_that_are_not_as_recorded(place: Place, message: str, tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(file_of(SOUND, DATA))
    with pytest.raises(UserError, match=message):
        read_tensor(tmp_path, place)
