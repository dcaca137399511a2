"""The results folder's lock: it ends with its process, and says who holds it."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from essential_sparsity.support import lock

HOST = os.uname().nodename


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(lock, "_held", [])
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "0.input.lock").write_text("a path\n")
    return tmp_path


def holder(folder: Path) -> "subprocess.Popen[str]":
    code = (
        "import sys, time; from pathlib import Path\n"
        "from essential_sparsity.support.lock import take\n"
        "take(Path(sys.argv[1]), clear=False); print('held', flush=True); time.sleep(60)"
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
    assert lock.take(folder) is None
    assert not (folder / "locks").exists()


def test_locks_of_the_living_are_not(folder: Path) -> None:
    process = holder(folder)
    try:
        owner = lock.take(folder, patience=0.2)
        assert owner is not None
        assert owner.describe(folder).startswith(f"process {process.pid} on {HOST} since 2")
        assert owner.describe(folder).endswith(f" is working in {folder}")
        assert (folder / "locks" / "0.input.lock").exists()
    finally:
        process.kill()
        process.wait()


def test_who_comes_second_waits_until_the_first_is_seen_to_work(folder: Path) -> None:
    """Before, Snakemake could let the second in, and refuse the first without saying why."""
    lock_file = folder / "locks" / "0.input.lock"
    lock_file.unlink()
    process = holder(folder)
    threading.Timer(0.3, lock_file.touch).start()
    try:
        began = time.monotonic()
        assert lock.take(folder, patience=60) is not None
        assert 0.3 <= time.monotonic() - began < 30
    finally:
        process.kill()
        process.wait()


def test_ones_own_locks_are_kept(folder: Path) -> None:
    assert lock.take(folder, clear=False) is None
    assert lock.take(folder) is None
    assert (folder / "locks" / "0.input.lock").exists()


def elsewhere(folder: Path, host: str = "far", boot: str = "0000") -> str:
    """Let a process of another machine, which may be alive, be the last to have held the folder."""
    text = f"process 7 on {host} since 2024-02-29 12:00:00 +0000\n{host}\n{boot}\n"
    (folder / "owner").write_text(text)
    return text


@pytest.mark.parametrize("clear", [True, False])
def test_locks_of_another_machine_are_kept_and_its_process_is_named(
    folder: Path, clear: bool
) -> None:
    """Again and again: having asked once must not make it look like a process of this machine."""
    text = elsewhere(folder)
    for _ in range(2):
        holder = lock.take(folder, clear=clear)
        assert holder is not None and not holder.is_near
        line = holder.describe(folder)
        assert line.startswith("process 7 on far since 2024-02-29 12:00:00 +0000 has locked ")
        assert f"from {HOST} nobody can tell" in line and "make study ARGS=--unlock" in line
        assert "\n" not in line
    assert (folder / "locks" / "0.input.lock").exists()
    assert (folder / "owner").read_text() == text


def test_another_machine_that_ended_well_left_nothing_to_ask_about(folder: Path) -> None:
    elsewhere(folder)
    (folder / "locks" / "0.input.lock").unlink()
    assert lock.take(folder) is None
    assert (folder / "owner").read_text().startswith(f"process {os.getpid()} on {HOST} since ")


def test_locks_of_the_dead_are_cleared_whatever_a_container_calls_its_machine(
    folder: Path,
) -> None:
    """A container that is started anew has another name and the same kernel."""
    if not lock._boot():
        pytest.skip("this kernel does not say which boot it is of")
    elsewhere(folder, boot=lock._boot())
    assert lock.take(folder) is None
    assert not (folder / "locks").exists()


def test_locks_from_before_a_restart_of_this_machine_are_cleared(folder: Path) -> None:
    elsewhere(folder, host=HOST)
    assert lock.take(folder) is None
    assert not (folder / "locks").exists()
