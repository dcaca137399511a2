"""Seals: no byte of a sealed file can change unnoticed, and files without a seal stay readable."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors import SafetensorError
from safetensors.numpy import load_file

from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import check_seal, read_json, seal, write_json
from essential_sparsity.support.tables import open_table, origin_of, read_table, write_table

ORIGIN = {"stage": "test", "spec": {"seed": 1}}


def table(rows: int = 40) -> pa.Table:
    numbers = np.random.default_rng(0)
    return pa.table(
        {
            "id": [f"row {row}" for row in range(rows)],
            "score": numbers.normal(size=rows),
            "logits": numbers.normal(size=(rows, 2)).tolist(),
        }
    )


def parquet(path: Path) -> None:
    write_table(path, table(), ORIGIN)


def in_pieces(path: Path) -> None:
    with open_table(path, table().schema, ORIGIN) as write:
        write(table())
        write(table(3))


def jsons(path: Path) -> None:
    write_json(path, {"format_version": 1, "norms": {"a": 0.1, "ä": [1, 2, None]}})


def tensors(path: Path) -> None:
    import torch

    from essential_sparsity.checkpoints.weights import write_weights

    state = {"b": torch.arange(8.0), "a": torch.ones(2, 2)}
    write_weights(path, state, sealed=True)


WRITERS = {write.__name__: write for write in (parquet, in_pieces, jsons, tensors)}
KINDS = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)


def read(path: Path, write: Callable[[Path], None]) -> object:
    if write is jsons:
        return read_json(path, "file of norms")
    if write is tensors:
        check_seal(path)
        return load_file(path)
    return read_table(path, {"score"})


@KINDS
def test_any_other_byte_and_any_cut_is_noticed(
    write: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "file"
    write(path)
    assert check_seal(path)
    whole = path.read_bytes()
    chance = random.Random(7)
    for place in range(len(whole)):
        changed = bytes([whole[place] ^ chance.randrange(1, 256)])
        path.write_bytes(whole[:place] + changed + whole[place + 1 :])
        with pytest.raises(UserError, match=r"file: damaged: changed since .* `make repair`"):
            check_seal(path)
    for length in sorted(chance.sample(range(len(whole)), 50)):
        path.write_bytes(whole[:length])
        with pytest.raises((UserError, SafetensorError)):
            read(path, write)


@KINDS
def test_equal_content_is_equal_bytes(write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path / "one")
    write(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_files_from_before_there_were_seals_are_read(tmp_path: Path) -> None:
    old = table().replace_schema_metadata({"essential_sparsity": json.dumps(ORIGIN)})
    pq.write_table(old, tmp_path / "old.parquet", compression="zstd")
    assert not check_seal(tmp_path / "old.parquet")
    assert read_table(tmp_path / "old.parquet", {"id"}).equals(table())
    (tmp_path / "old.json").write_text('{"norm": 1}\n')
    assert read_json(tmp_path / "old.json", "file of norms") == {"norm": 1}


def test_a_table_that_was_read_is_sealed_anew_when_written(tmp_path: Path) -> None:
    parquet(tmp_path / "one.parquet")
    part = read_table(tmp_path / "one.parquet", set()).slice(3, 5)
    write_table(tmp_path / "two.parquet", part, {"stage": "other"})
    again = read_table(tmp_path / "two.parquet", {"id"})
    assert again.equals(table().slice(3, 5)) and origin_of(again) == {"stage": "other"}


def test_readers_do_not_see_a_documents_seal(tmp_path: Path) -> None:
    jsons(tmp_path / "file")
    assert read_json(tmp_path / "file", "file") == {
        "format_version": 1,
        "norms": {"a": 0.1, "ä": [1, 2, None]},
    }
    assert "sealed" in json.loads((tmp_path / "file").read_text())


def test_a_file_without_a_place_for_it_is_not_sealed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no place")
    with pytest.raises(ValueError, match="has no place for a seal"):
        seal(tmp_path / "file")
