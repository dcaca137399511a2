"""Digests of files from elsewhere: right at once, read once, known after a file is gone."""

import os
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from essential_sparsity.support import digests
from essential_sparsity.support.digests import Digests
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import sha256_of


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "memory.json"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(digests, "_LATELY", 0.05)
    path = tmp_path / "models/weights"
    path.parent.mkdir()
    path.write_bytes(b"one")
    time.sleep(0.1)
    return path


def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return a list of the files that are read from now on."""
    found: list[Path] = []
    monkeypatch.setattr(digests, "sha256_of", lambda path: found.append(path) or sha256_of(path))
    return found


def test_a_file_is_read_once(memory: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = reads(monkeypatch)
    first = Digests(memory).of([str(file)])
    assert first == {str(file): sha256_of(file)}
    assert Digests(memory).of([str(file)]) == first
    assert read == [file]


def test_other_contents_with_the_old_time_and_length_are_seen(memory: Path, file: Path) -> None:
    times = os.stat(file)
    Digests(memory).of([str(file)])
    file.write_bytes(b"two")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert Digests(memory).of([str(file)]) == {str(file): sha256_of(file)}


def test_a_file_that_changed_just_now_is_not_trusted(
    memory: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two changes within a tick of the clock leave one time."""
    monkeypatch.setattr(digests, "_LATELY", 60)
    read = reads(monkeypatch)
    Digests(memory).of([str(file)])
    Digests(memory).of([str(file)])
    assert read == [file, file]


def test_what_is_gone_is_what_it_was(memory: Path, file: Path) -> None:
    """Asked for by itself, or by its folder."""
    folder = str(file.parent)
    found = Digests(memory).of([folder])
    assert found == {str(file): sha256_of(file)}
    file.unlink()
    assert Digests(memory).of([str(file)]) == found
    assert Digests(memory).of([folder]) == {}
    file.parent.rmdir()
    assert Digests(memory).of([folder]) == found
    assert Digests(memory).never_seen([str(file), "nowhere"]) == ["nowhere"]


def test_of_a_folder_those_count_that_are_chosen(memory: Path, file: Path) -> None:
    (file.parent / "log").write_text("not chosen")

    def choose(names: Iterable[str]) -> list[str]:
        if "weights" not in (found := list(names)):
            raise UserError("no weights")
        return ["weights"] if "log" in found else []

    assert Digests(memory).of([str(file.parent)], choose) == {str(file): sha256_of(file)}
    file.unlink()
    assert Digests(memory).of([str(file.parent)], choose) == {}


def test_a_damaged_memory_is_forgotten(memory: Path, file: Path) -> None:
    for text in ("{", "[]", '{"a": 1}'):
        memory.write_text(text)
        assert Digests(memory).of([str(file)]) == {str(file): sha256_of(file)}
