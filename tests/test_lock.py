"""The results folder's lock: it ends with its process, and says who holds it."""

import subprocess
import sys
from pathlib import Path

import pytest

from essential_sparsity import lock


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(lock, "_held", [])
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "0.input.lock").write_text("a path\n")
    return tmp_path


def holder(folder: Path) -> "subprocess.Popen[str]":
    code = (
        "import sys, time; from pathlib import Path; from essential_sparsity.lock import hold\n"
        "hold(Path(sys.argv[1]), clear=False); print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_locks_of_the_dead_are_cleared(folder: Path) -> None:
    process = holder(folder)
    process.kill()
    process.wait()
    assert lock.hold(folder) is None
    assert not (folder / "locks").exists()


def test_locks_of_the_living_are_not(folder: Path) -> None:
    process = holder(folder)
    try:
        owner = lock.hold(folder, patience=0.2)
        assert owner is not None and owner.startswith(f"process {process.pid} on ")
        assert (folder / "locks" / "0.input.lock").exists()
    finally:
        process.kill()
        process.wait()


def test_ones_own_locks_are_kept(folder: Path) -> None:
    assert lock.hold(folder, clear=False) is None
    assert lock.hold(folder) is None
    assert (folder / "locks" / "0.input.lock").exists()
