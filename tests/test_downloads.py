"""Downloads under faults, as commands of their own: retried, resumed, or refused in one line."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loopback_hub import REVISION, SIGNATURE, LoopbackHub
from miniatures import save_bert, save_tokenizer

pytestmark = pytest.mark.slow

SOURCE = {"kind": "hub", "repository": "org/tiny", "revision": REVISION}
SPECS: dict[str, dict[str, Any]] = {
    "checkpoints": {"version": 1, "sources": [SOURCE]},
    "tasks": {
        "version": 1,
        "data": SOURCE,
        "examples": {"kind": "text-classification", "fields": ["text"], "labels": ["bad", "good"]},
        "max_length": 16,
    },
}
MODEL = "model.safetensors"
DATA = "validation-00000-of-00001.parquet"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LoopbackHub]:
    """A hub with one model and one data set."""
    with LoopbackHub(tmp_path / "hub") as running:
        save_bert(running.root / "models/org/tiny")
        folder = running.root / "datasets/org/tiny"
        folder.mkdir(parents=True)
        for split, word in (("train", "ba"), ("validation", "be")):
            table = pa.table({"text": [word] * 4, "label": [0, 1] * 2})
            pq.write_table(table, folder / f"{split}-00000-of-00001.parquet")
        (tmp_path / "tokenizer").mkdir()
        save_tokenizer(tmp_path / "tokenizer")
        yield running


def start(
    hub: LoopbackHub, tmp_path: Path, stage: str = "checkpoints", **more: str
) -> "subprocess.Popen[str]":
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    inputs = ["--checkpoint", str(tmp_path / "tokenizer")] if stage == "tasks" else []
    return subprocess.Popen(
        [
            sys.executable, "-m", f"essential_sparsity.{stage}", "--spec", json.dumps(SPECS[stage]),
            "--pins", str(tmp_path / "models.lock"), "--output", str(tmp_path / "out"), *inputs,
        ],
        env={**kept, **hub.environment(tmp_path / "cache"), **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip


def fetch(
    hub: LoopbackHub, tmp_path: Path, stage: str = "checkpoints", fails: bool = False, **more: str
) -> str:
    process = start(hub, tmp_path, stage, **more)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode != 0) == fails, output
    assert "Traceback" not in output
    return output


def test_a_busy_hub_is_asked_again(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults.busy["org/tiny"] = 2
    output = fetch(hub, tmp_path)
    assert "status 503; trying again" in output
    assert "served by hub org/tiny" in output


def test_a_hub_that_hangs_up_is_asked_again(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults.dropped |= {"/revision/": 1, MODEL: 1}
    assert fetch(hub, tmp_path).count("broke off") == 2


def test_a_broken_transfer_is_taken_up_again(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults.cut_once.add(MODEL)
    fetch(hub, tmp_path)
    served = (tmp_path / "out" / MODEL).read_bytes()
    assert served == (hub.root / "models/org/tiny" / MODEL).read_bytes()
    assert [name for name, _ in hub.sent].count(MODEL) == 2


@pytest.mark.parametrize(
    ("stage", "first", "last"),
    [("checkpoints", "config.json", MODEL), ("tasks", DATA.replace("validation", "train"), DATA)],
)
def test_a_killed_download_is_finished_by_the_next_run(
    stage: str, first: str, last: str, hub: LoopbackHub, tmp_path: Path
) -> None:
    """What was whole is not fetched again, and nothing half is ever seen."""
    hub.faults.stalled.add(last)
    process = start(hub, tmp_path, stage)
    deadline = time.monotonic() + 30
    while (last, 0) not in hub.sent and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "models.lock").exists()
    hub.faults.stalled.clear()
    fetch(hub, tmp_path, stage)
    assert [start for name, start in hub.sent if name == first] == [0]
    assert (tmp_path / "models.lock").is_file()


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda hub: hub.faults.gated.add("org/tiny"), "gated: ask for access on its page"),
        (lambda hub: hub.faults.status.update({"org/tiny": 401}), "hf auth login"),
        (lambda hub: hub.faults.status.update({"org/tiny": 503}), "status 503"),
        (lambda hub: hub.faults.missing.add(MODEL), "model.safetensors: http.*try again later"),
        (lambda hub: hub.faults.no_revision.add("org/tiny"), "no such revision: correct it"),
        (lambda hub: hub.faults.corrupt.add(MODEL), "model.safetensors: its digest is .* try aga"),
        (lambda hub: hub.faults.silent.update({"/revision/": 9}), "cannot be reached.*HF_ENDPOINT"),
        (
            lambda hub: hub.faults.silent.update({MODEL: 9}),
            "model.safetensors: .*cannot be reached",
        ),
        (lambda hub: hub.stop(), "cannot be reached: ConnectError.*check the network"),
    ],
)
def test_a_refusal_names_model_endpoint_and_remedy_and_no_token(
    spoil: Callable[[LoopbackHub], object], expected: str, hub: LoopbackHub, tmp_path: Path
) -> None:
    spoil(hub)
    begin = time.monotonic()
    output = fetch(hub, tmp_path, fails=True, HF_TOKEN="hf_verysecret", HF_HUB_ETAG_TIMEOUT="2")
    assert time.monotonic() - begin < 20
    last = output.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert re.search(expected, last), last
    assert "org/tiny" in last and hub.endpoint in last
    assert "verysecret" not in output
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "models.lock").exists()


def test_passwords_and_signatures_stay_out_of_logs_and_manifests(
    hub: LoopbackHub, tmp_path: Path
) -> None:
    hub.faults.signed.add(MODEL)
    hub.faults.cut_once.add(MODEL)
    endpoint = hub.endpoint.replace("://", "://me:verysecret@")
    output = fetch(hub, tmp_path, HF_ENDPOINT=endpoint)
    assert "Trying to resume" in output, "the client did not speak of the signed address"
    assert "localhost" in output
    manifest = (tmp_path / "out/checkpoint.json").read_text()
    for text in (output, manifest):
        assert "verysecret" not in text and SIGNATURE not in text
    assert json.loads(manifest)["source"]["endpoint"] == hub.endpoint


@pytest.mark.parametrize("stage", ["checkpoints", "tasks"])
def test_offline_the_cache_serves_or_the_line_says_what_is_missing(
    stage: str, hub: LoopbackHub, tmp_path: Path
) -> None:
    last = fetch(hub, tmp_path, stage, fails=True, HF_HUB_OFFLINE="1").strip().splitlines()[-1]
    for part in ("org/tiny at", "HF_HUB_OFFLINE is set", str(tmp_path / "cache"), "models.lock"):
        assert part in last
    fetch(hub, tmp_path, stage)
    hub.requests.clear()
    fetch(hub, tmp_path, stage, HF_HUB_OFFLINE="1")
    assert hub.requests == []
