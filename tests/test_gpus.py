"""Which GPUs there are, and that two jobs never get the same one."""

import argparse
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from essential_sparsity.support import gpus
from essential_sparsity.support.errors import UserError

HOLD = """
import sys
from fractions import Fraction
from essential_sparsity.support import gpus
print(",".join(gpus.reserve(int(sys.argv[1]), Fraction(sys.argv[2]))), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Return `machine(*uuids)`, which puts a driver's tool with these GPUs on the path."""
    tools = tmp_path / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpus, "_held", [])

    def install(*uuids: str, code: int = 0) -> None:
        lines = "\n".join(f"echo '{uuid}'" for uuid in uuids)
        tool = tools / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\n{lines}\nexit {code}\n")
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
        gpus._installed.cache_clear()

    yield install
    gpus._installed.cache_clear()


@pytest.fixture
def job(tmp_path: Path):
    """Return `job(count, share)`, which starts a process that reserves GPUs, and keeps them."""
    running = []

    def start(count: int, share: str = "1") -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(count), share],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(gpus.__file__).parents[1])},
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def waits(process: "subprocess.Popen[str]") -> str:
    """Return what it says that it waits for."""
    assert process.stderr is not None
    return process.stderr.readline().strip()


def unique(name: str) -> str:
    """Return a name that no other run of these tests locks."""
    return f"GPU-{os.getpid()}-{name}"


def test_a_machine_without_gpus(machine, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    gpus._installed.cache_clear()
    assert gpus.visible_gpus() == []
    assert gpus.reserve() == []
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    with pytest.raises(UserError, match=r"gpu: 2 asked for, visible on .*: none"):
        gpus.reserve(2)


def test_a_driver_that_does_not_work_is_told(machine, capsys) -> None:
    machine("Failed to initialize NVML: Driver/library version mismatch", code=18)
    assert gpus.visible_gpus() == []
    assert "note: no GPU is used: Failed to initialize NVML" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("visible", "expected"),
    [(None, ["GPU-a", "GPU-b"]), ("", []), ("-1", []), ("1", ["1"]), ("1, 0", ["1", "0"]),
     ("MIG-x,-1,0", ["MIG-x"])],
)  # fmt: skip
def test_what_a_scheduler_chose_is_what_is_visible(machine, monkeypatch, visible, expected) -> None:
    machine("GPU-a", "GPU-b")
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus.visible_gpus() == expected


def test_jobs_get_gpus_of_their_own_and_a_killed_one_gives_them_back(machine, job) -> None:
    a, b = unique("a"), unique("b")
    machine(a, b)
    first, second = job(1), None
    assert line(first) == a
    second = job(1)
    assert line(second) == b
    third = job(1)
    assert waits(third) == "waiting for 1 of 2 GPUs to be free"
    first.kill()
    assert line(third) == a
    assert gpus.reserve(0) == []
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


def test_a_job_that_wants_more_than_is_free_holds_none_meanwhile(machine, job) -> None:
    a, b = unique("a"), unique("b")
    machine(a, b)
    first = job(1)
    assert line(first) == a
    greedy = job(2)
    assert "waiting for 2 of 2" in waits(greedy)
    modest = job(1)
    assert line(modest) == b
    first.kill()
    modest.kill()
    assert line(greedy) == f"{a},{b}"


def test_a_gpu_is_the_same_by_its_number_and_by_its_name(machine, job, monkeypatch) -> None:
    a, b = unique("a"), unique("b")
    machine(a, b)
    assert line(job(1)) == a
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert line(job(1)) == "1"


def test_a_gpu_that_is_named_twice_is_one(machine, job, monkeypatch) -> None:
    a, b = unique("a"), unique("b")
    machine(a, b)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"0,{a},1")
    assert line(job(2)) == "0,1"
    assert "waiting" in waits(job(1))


def test_jobs_share_gpus_the_least_used_first_and_a_killed_one_gives_its_part_back(
    machine, job
) -> None:
    a, b = unique("a"), unique("b")
    machine(a, b)
    jobs = [job(1, "1/3") for _ in range(6)]
    assert sorted(map(line, jobs)) == [a] * 3 + [b] * 3
    more = job(1, "1/3")
    assert waits(more) == "waiting for 1/3 of one of 2 GPUs to be free"
    jobs[4].kill()
    assert line(more) in (a, b)


def test_two_jobs_that_may_share_a_gpu_do_not_where_there_are_two(machine, job) -> None:
    a, b = unique("a"), unique("b")
    machine(a, b)
    assert line(job(1, "1/2")) == a
    assert line(job(1, "1/2")) == b


def test_shares_of_all_sizes_are_never_more_than_a_gpu(machine, job) -> None:
    a = unique("a")
    machine(a)
    half = job(1, "1/2")
    assert line(half) == a
    quarter = job(1, "1/4")
    assert line(quarter) == a
    large = job(1, "2/3")
    assert "waiting for 2/3 of one" in waits(large)
    half.kill()
    late = job(1, "1/4")
    assert line(late) == a
    quarter.kill()
    late.kill()
    assert line(large) == a


def test_a_job_with_gpus_of_its_own_waits_for_those_who_share_and_holds_none_meanwhile(
    machine, job
) -> None:
    a, b = unique("a"), unique("b")
    machine(a, b)
    sharing = [job(1, "1/2") for _ in range(2)]
    assert sorted(map(line, sharing)) == [a, b]
    # Several are taken whole, whatever the share.
    whole, both = job(1), job(2, "1/2")
    assert "waiting for 1 of 2" in waits(whole)
    assert "waiting for 2 of 2" in waits(both)
    late = job(1, "1/2")
    assert line(late) in (a, b)
    sharing[0].kill()
    sharing[1].kill()
    assert line(whole) in (a, b)
    late.kill()
    whole.kill()
    assert line(both) == f"{a},{b}"
    assert "waiting for 1/10 of one" in waits(job(1, "1/10"))


@pytest.mark.parametrize("text", ["0", "5/4", "1/0", "a quarter", "-1/2"])
def test_a_share_that_is_none(text: str) -> None:
    parser = argparse.ArgumentParser()
    gpus.add_share(parser)
    with pytest.raises(UserError, match=f"gpu-share: {text}; a part of one GPU is needed"):
        parser.parse_args([f"--gpu-share={text}"])
