"""Downloads under faults, as commands of their own: retried, resumed, or refused in one line."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loopback_hub import REVISION, LoopbackHub
from miniatures import save_bert

SOURCE = {"kind": "hub", "repository": "org/tiny", "revision": REVISION}
SPEC = json.dumps({"version": 1, "sources": [SOURCE]})


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LoopbackHub]:
    """A hub with one model."""
    with LoopbackHub(tmp_path / "hub") as running:
        save_bert(running.root / "models/org/tiny")
        yield running


def start(hub: LoopbackHub, tmp_path: Path, **more: str) -> "subprocess.Popen[str]":
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    return subprocess.Popen(
        [
            sys.executable, "-m", "essential_sparsity.checkpoints", "--spec", SPEC,
            "--pins", str(tmp_path / "models.lock"), "--output", str(tmp_path / "checkpoint"),
        ],
        env={**kept, **hub.environment(tmp_path / "cache"), **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip


def fetch(hub: LoopbackHub, tmp_path: Path, fails: bool = False, **more: str) -> str:
    process = start(hub, tmp_path, **more)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode != 0) == fails, output
    assert "Traceback" not in output
    return output


def test_a_busy_hub_is_asked_again(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults.busy["org/tiny"] = 2
    output = fetch(hub, tmp_path)
    assert "status 503; trying again" in output
    assert "served by hub org/tiny" in output


def test_a_broken_transfer_goes_on_where_it_ended(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults.cut_once.add("model.safetensors")
    fetch(hub, tmp_path)
    served = (tmp_path / "checkpoint/model.safetensors").read_bytes()
    assert served == (hub.root / "models/org/tiny/model.safetensors").read_bytes()


def test_a_killed_download_is_finished_by_the_next_run(hub: LoopbackHub, tmp_path: Path) -> None:
    """What was whole is not fetched again, and no half checkpoint is ever seen."""
    weights = f"GET /org/tiny/resolve/{REVISION}/model.safetensors"
    config = f"GET /org/tiny/resolve/{REVISION}/config.json"
    hub.faults.stalled.add("model.safetensors")
    process = start(hub, tmp_path)
    deadline = time.monotonic() + 30
    while weights not in hub.requests and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "checkpoint").exists()
    assert not (tmp_path / "models.lock").exists()
    hub.faults.stalled.clear()
    fetch(hub, tmp_path)
    served = (tmp_path / "checkpoint/model.safetensors").read_bytes()
    assert served == (hub.root / "models/org/tiny/model.safetensors").read_bytes()
    assert hub.requests.count(config) == 1


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("gated", "gated: ask for access on its page"),
        ("401", "hf auth login"),
        ("503", "status 503"),
        ("missing", "model.safetensors: http"),
        ("no_revision", "has no such revision"),
    ],
)
def test_a_refusal_names_model_endpoint_and_remedy_and_no_token(
    fault: str, expected: str, hub: LoopbackHub, tmp_path: Path
) -> None:
    if fault.isdigit():
        hub.faults.status["org/tiny"] = int(fault)
    else:
        getattr(hub.faults, fault).add("model.safetensors" if fault == "missing" else "org/tiny")
    output = fetch(hub, tmp_path, fails=True, HF_TOKEN="hf_verysecret")
    last = output.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert expected in last
    assert "org/tiny" in last and hub.endpoint in last
    assert "verysecret" not in output
    assert not (tmp_path / "checkpoint").exists()


def test_offline_without_the_cache_says_what_is_set(hub: LoopbackHub, tmp_path: Path) -> None:
    output = fetch(hub, tmp_path, fails=True, HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE is set" in output.strip().splitlines()[-1]
    fetch(hub, tmp_path)
    assert "using the cache" in fetch(hub, tmp_path, HF_HUB_OFFLINE="1")
