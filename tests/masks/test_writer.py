"""Writing masks: all of them or none, and the count of what their bits keep."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from essential_sparsity.masks.mask import Header, Mask, count_kept, write_masks


def header(name: str, removed: int) -> Header:
    return Header(
        format_version=1, name=name, architecture="bert", checkpoint="c",
        spec={"criterion": "magnitude"}, shapes={"a": (3, 5), "b": (1, 8)}, total=23,
        removed=removed,
    )  # fmt: skip


# Fifteen weights of which 0, 1 and 9 stay; eight of which all but the last do.
A, B = np.array([0b11, 0b10], np.uint8), np.array([0x7F], np.uint8)


def test_all_masks_are_there_when_all_are_written(tmp_path: Path) -> None:
    headers = {tmp_path / f"{n}.safetensors": header(f"m{n}", 23 - 10) for n in range(3)}
    with write_masks(headers) as writers:
        kept = [[writer.write(A), writer.write(B)] for writer in writers]
        assert not list(tmp_path.glob("*.safetensors"))
    assert kept == [[3, 7]] * 3
    for path, expected in headers.items():
        assert Mask.load(path).header == expected
        manifest = json.loads(path.with_suffix(".json").read_text())
        assert manifest["sha256"] == sha256(path.read_bytes()).hexdigest()


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    headers = {tmp_path / f"{n}.safetensors": header(f"m{n}", 13) for n in range(3)}
    with pytest.raises(RuntimeError, match="disk"), write_masks(headers) as writers:
        writers[0].write(A)
        raise RuntimeError("disk")
    assert not list(tmp_path.iterdir())


def test_a_mask_that_is_not_as_announced_does_not_appear(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.safetensors", tmp_path / "bad.safetensors"
    headers = {good: header("g", 13), bad: header("b", 12)}
    with (
        pytest.raises(ValueError, match=r"b: 3 bytes that remove 13"),
        write_masks(headers) as both,
    ):
        for writer in both:
            writer.write(A)
            writer.write(B)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.json", "good.safetensors"]


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 1000, 1003])
def test_bits_are_counted_whatever_the_size(size: int) -> None:
    packed = np.random.default_rng(size).integers(0, 256, size, np.uint8)
    assert count_kept(packed) == sum(int(byte).bit_count() for byte in packed)
