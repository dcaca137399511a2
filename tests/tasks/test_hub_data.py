"""Data sets from a hub: what comes, what is refused and why, how fast silence is noticed."""

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from huggingface_hub import constants

from essential_sparsity.support.errors import UserError
from essential_sparsity.tasks.build import build_task
from essential_sparsity.tasks.hub import load
from essential_sparsity.tasks.manifest import load_task
from essential_sparsity.tasks.spec import HubData, TaskDataSpec
from loopback_hub import REVISION, LoopbackHub, point
from tasks.tiny_tasks import rows

DATA = HubData(kind="hub", repository="org/tiny", revision=REVISION, config="rte")
FILE = "rte/train-00000-of-00001.parquet"


def with_classes(table: pa.Table, names: list[str]) -> pa.Table:
    """Return the table with the declaration that 🤗 datasets writes for classes."""
    features = {
        "first": {"dtype": "string", "_type": "Value"},
        "second": {"dtype": "string", "_type": "Value"},
        "label": {"names": names, "_type": "ClassLabel"},
    }
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return table.replace_schema_metadata(metadata)


def spec(labels: tuple[str, ...] = ("no", "yes"), **data: Any) -> TaskDataSpec:
    """Return the spec of the tiny task."""
    examples = {
        "kind": "text-classification",
        "fields": ["first", "second"],
        "labels": list(labels),
    }
    return TaskDataSpec.check(
        {"version": 1, "data": DATA.model_dump() | data, "examples": examples, "max_length": 16},
        "spec",
    )


def test_only_the_named_configuration_is_fetched(
    put: Callable[..., Path], hub: LoopbackHub
) -> None:
    put("rte", train=rows(4), validation=rows(2), test=rows(3, [-1] * 3))
    put("sst2", train=rows(9), validation=rows(9))
    source = load(DATA)
    assert source.splits["train"]["id"].to_pylist() == [f"train/{i}" for i in range(4)]
    assert source.splits["evaluation"]["id"].to_pylist() == ["validation/0", "validation/1"]
    assert source.splits["train"]["label"].to_pylist() == [0, 1, 0, 1]
    assert source.origin["revision"] == REVISION
    assert set(source.origin["files"]) == {FILE, FILE.replace("train", "validation")}
    fetched = {r.split("/resolve/")[1] for r in hub.requests if ".parquet" in r}
    assert fetched == {f"{REVISION}/{name}" for name in source.origin["files"]}


def test_a_split_of_several_files_is_whole_and_in_order(put: Callable[..., Path]) -> None:
    folder = put("rte", train=rows(4), validation=rows(2))
    import pyarrow.parquet as pq

    pq.write_table(rows(3, start=4), folder / "rte" / "train-00001-of-00002.parquet")
    texts = load(DATA).splits["train"]["first"].to_pylist()
    assert texts == [f"ba be number {i}" for i in range(7)]


def test_the_only_configuration_need_not_be_named(put: Callable[..., Path]) -> None:
    put("rte", train=rows(4), validation=rows(2))
    assert load(DATA.model_copy(update={"config": None})).splits["train"].num_rows == 4


def test_from_hub_to_task(put: Callable[..., Path], checkpoint: Path, tmp_path: Path) -> None:
    table = with_classes(rows(4), ["no", "yes"])
    put("rte", train=table, validation=table)
    build_task(spec(), checkpoint, tmp_path / "task")
    task = load_task(tmp_path / "task")
    assert task.examples == {"train": 4, "evaluation": 4}
    assert task.document["corpus"]["repository"] == "org/tiny"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["yes", "no"], "labels: yes, no are in another order .*: no, yes"),
        (["no", "yes", "maybe"], "labels: 3 are declared .*, but the data have 2 .no, yes."),
    ],
)
def test_labels_are_held_against_the_datas_own(
    labels: list[str], expected: str, put: Callable[..., Path], checkpoint: Path, tmp_path: Path
) -> None:
    table = with_classes(rows(4), ["no", "yes"])
    put("rte", train=table, validation=table)
    with pytest.raises(UserError, match=expected):
        build_task(spec(labels=labels), checkpoint, tmp_path / "task")


def test_hidden_labels_are_refused(
    put: Callable[..., Path], checkpoint: Path, tmp_path: Path
) -> None:
    put("rte", train=rows(4), test=rows(3, [-1] * 3))
    with pytest.raises(UserError, match=r"evaluation split: label -1 .* hidden labels"):
        build_task(spec(evaluation="test"), checkpoint, tmp_path / "task")
    assert not (tmp_path / "task").exists()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"config": "rtee"}, "config: unknown configuration 'rtee'; did you mean 'rte'?"),
        ({"config": None}, "config: unknown configuration 'None' .known: rte, sst2"),
        ({"train": "trian"}, "train: unknown split 'trian'; did you mean 'train'?"),
        ({"evaluation": "dev"}, "evaluation: unknown split 'dev' .known: train, validation"),
        ({"evaluation": "train"}, "evaluation: 'train' is the training split as well"),
        ({"repository": "org/other"}, "data set org/other .* no such repository"),
    ],
)
def test_what_the_hub_does_not_have(
    changes: dict[str, Any], expected: str, put: Callable[..., Path]
) -> None:
    put("rte", train=rows(4), validation=rows(2))
    put("sst2", train=rows(4), validation=rows(2))
    with pytest.raises(UserError, match=expected):
        load(DATA.model_copy(update=changes))


def test_files_of_other_kinds_are_refused(put: Callable[..., Path]) -> None:
    folder = put("rte", train=rows(4), validation=rows(2))
    for file in (folder / "rte").iterdir():
        file.rename(file.with_suffix(".csv"))
        file.with_suffix(".csv").write_text("first,second,label\nba,be,0\n")
    with pytest.raises(UserError, match=r"train-00000-of-00001\.csv is not Parquet"):
        load(DATA)


def test_a_flipped_byte_is_noticed_and_the_next_try_is_clean(
    put: Callable[..., Path], hub: LoopbackHub
) -> None:
    put("rte", train=rows(4), validation=rows(2))
    hub.faults.corrupt.add(FILE)
    with pytest.raises(UserError, match=f"{FILE}: its digest is .*, http://.* announced"):
        load(DATA)
    hub.faults.corrupt.clear()
    assert load(DATA).splits["train"].num_rows == 4


def test_what_is_no_parquet_is_named(put: Callable[..., Path]) -> None:
    folder = put("rte", train=rows(4), validation=rows(2))
    (folder / FILE).write_bytes(b"PAR1 no")
    with pytest.raises(UserError, match=f"{FILE}: not a readable Parquet file"):
        load(DATA)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda hub: hub.faults.gated.add("org/tiny"), "gated: ask for access .* HF_TOKEN"),
        (lambda hub: hub.faults.no_revision.add("org/tiny"), "no such revision: correct it"),
        (lambda hub: hub.faults.status.update({"org/tiny": 401}), r"\(401\): .*HF_TOKEN"),
        (lambda hub: hub.faults.status.update({"org/tiny": 403}), r"\(403\): .*HF_TOKEN"),
        (lambda hub: hub.faults.status.update({"org/tiny": 503}), "status 503; .* HF_ENDPOINT"),
        (lambda hub: hub.faults.missing.add(FILE), f"{FILE}: .* does not have: try again later"),
        (lambda hub: hub.faults.busy.update({FILE: 9}), f"{FILE}: .* status 503"),
        (lambda hub: hub.faults.cut.add(FILE), f"{FILE}: .* broke off"),
    ],
)
def test_refusals_are_named(
    spoil: Callable[[LoopbackHub], object],
    expected: str,
    put: Callable[..., Path],
    hub: LoopbackHub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put("rte", train=rows(4), validation=rows(2))
    spoil(hub)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # between tries
    with pytest.raises(UserError, match=f"data set org/tiny at 01234567: .*{expected}") as caught:
        load(DATA)
    assert hub.endpoint in str(caught.value)


@pytest.mark.parametrize("part", ["/revision/", "README.md", "/resolve/", FILE])
@pytest.mark.parametrize("fault", ["busy", "dropped"])
def test_a_moments_trouble_is_waited_out(
    fault: str,
    part: str,
    put: Callable[..., Path],
    hub: LoopbackHub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put("rte", train=rows(4), validation=rows(2))
    getattr(hub.faults, fault)[part] = 2
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # between tries
    assert load(DATA).splits["train"].num_rows == 4
    assert getattr(hub.faults, fault)[part] == 0


def test_a_broken_transfer_is_taken_up_again(put: Callable[..., Path], hub: LoopbackHub) -> None:
    put("rte", train=rows(4), validation=rows(2))
    hub.faults.cut_once.add(FILE)
    assert load(DATA).splits["train"].num_rows == 4
    assert [name for name, _ in hub.sent].count(FILE) == 2


def expect_unreachable(endpoint: str, seconds: float) -> None:
    """Check that an attempt ends in time, with a line that says what, where and what to do."""
    start = time.monotonic()
    with pytest.raises(UserError) as caught:
        load(DATA)
    assert time.monotonic() - start < seconds
    text = str(caught.value)
    for part in ("data set org/tiny", endpoint, "cannot be reached", "HF_ENDPOINT", "topic"):
        assert part in text


def test_a_hub_that_is_silent_about_the_card_alone_is_noticed_in_seconds(
    put: Callable[..., Path], hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = put("rte", train=rows(4), validation=rows(2))
    assert folder.joinpath("README.md").is_file()
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 1)
    hub.faults.silent["README.md"] = 100
    start = time.monotonic()
    with pytest.raises(UserError, match=r"data set org/tiny.*README\.md.*cannot be reached"):
        load(DATA)
    assert time.monotonic() - start < 20
    hub.faults.silent.clear()
    assert load(DATA).splits["train"].num_rows == 4


def test_a_hub_that_is_not_there_is_noticed_at_once(hub: LoopbackHub) -> None:
    hub.stop()
    expect_unreachable(hub.endpoint, 5)


def test_a_hub_that_is_silent_is_noticed_in_seconds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        point(monkeypatch, endpoint, tmp_path)
        expect_unreachable(endpoint, 5)
