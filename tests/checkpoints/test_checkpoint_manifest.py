"""`checkpoint.json`: what is written is read, and what was changed since is noticed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from essential_sparsity.checkpoints.manifest import Manifest, load_manifest
from essential_sparsity.checkpoints.spec import CheckpointSpec
from essential_sparsity.checkpoints.stage import fetch_checkpoint
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import write_json


@pytest.fixture
def checkpoint(tiny: Callable[[str], Path], tmp_path: Path) -> Path:
    source = {"kind": "folder", "path": str(tiny("bert"))}
    spec = CheckpointSpec.model_validate({"version": 1, "sources": [source]})
    fetch_checkpoint(spec, tmp_path / "m")
    return tmp_path / "m"


def test_a_spec_without_the_pooler_is_what_it_was() -> None:
    source = {"kind": "folder", "path": "my-bert"}
    spec = CheckpointSpec.model_validate({"version": 1, "sources": [source]})
    text = '{"sources":[{"kind":"folder","path":"my-bert"}],"version":1}'
    assert spec.canonical() == text
    assert spec.model_copy(update={"prune_pooler": False}).canonical() == text
    assert spec.model_copy(update={"prune_pooler": True}).digest() != spec.digest() == "d3350bf9"


def test_a_pruned_pooler_stands_in_the_manifest(
    tiny: Callable[[str], Path], checkpoint: Path, tmp_path: Path
) -> None:
    source = {"kind": "folder", "path": str(tiny("bert"))}
    spec = CheckpointSpec.model_validate({"version": 1, "sources": [source], "prune_pooler": True})
    fetch_checkpoint(spec, tmp_path / "p")
    with_pooler, without = load_manifest(tmp_path / "p"), load_manifest(checkpoint)
    assert (with_pooler.prunes_pooler, without.prunes_pooler) == (True, False)
    assert with_pooler.prunable_count == without.prunable_count + 64
    assert with_pooler.files == without.files
    document = json.loads((tmp_path / "p" / "checkpoint.json").read_text())
    assert document["spec"]["prune_pooler"] is True


@pytest.mark.parametrize("architecture", ["opt", "vit", "llama"])
def test_a_model_without_a_pooler_is_refused_whole(
    architecture: str, tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    source = {"kind": "folder", "path": str(tiny(architecture))}
    spec = CheckpointSpec.model_validate({"version": 1, "sources": [source], "prune_pooler": True})
    with pytest.raises(UserError, match=r"m: no source .*: config\.json: model_type: .* no pooler"):
        fetch_checkpoint(spec, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def edit(folder: Path, change: Callable[[Any], object]) -> None:
    document = json.loads((folder / "checkpoint.json").read_text())
    change(document)
    write_json(folder / "checkpoint.json", document)


def test_the_manifest_describes_the_folder(checkpoint: Path) -> None:
    manifest = load_manifest(checkpoint)
    assert manifest.architecture == "bert"
    assert manifest.source["kind"] == "folder"
    assert set(manifest.files) == {path.name for path in checkpoint.iterdir()} - {"checkpoint.json"}
    assert manifest.prunable_count == sum(matrix.size for matrix in manifest.matrices) == 1024
    assert manifest.parameter_count > 1024
    document = json.loads((checkpoint / "checkpoint.json").read_text())
    assert {"spec", "code", "python", "libraries"} <= document.keys()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_changed_or_missing_file_is_named(checkpoint: Path, name: str) -> None:
    file = checkpoint / name
    content = bytearray(file.read_bytes())
    content[-2] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match=rf"m/{name}: changed since it was fetched"):
        load_manifest(checkpoint)
    load_manifest(checkpoint, verify=False)
    file.unlink()
    with pytest.raises(UserError, match=rf"m/{name}: missing"):
        load_manifest(checkpoint)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(format_version=2), "format_version: 2; this version reads 1"),
        (lambda d: d.pop("format_version"), "format_version: None"),
        (lambda d: d.pop("files"), "files: this key is required"),
        (lambda d: d["files"].update({"../x": "0" * 64}), "'../x' is not a file of"),
        (lambda d: d["files"].pop("model.safetensors"), "which 'files' lacks"),
        (lambda d: d["prunable"].update(count=1023), "prunable: the matrices have 1024 weights"),
        (lambda d: d["prunable"]["matrices"].pop(), "prunable: the matrices have 896 weights"),
        (lambda d: d["prunable"].update(matrices=[]), "prunable.matrices"),
    ],
)
def test_a_tampered_manifest_is_refused(
    checkpoint: Path, change: Callable[[Any], object], message: str
) -> None:
    edit(checkpoint, change)
    with pytest.raises(UserError, match=message) as caught:
        load_manifest(checkpoint, verify=False)
    assert "m/checkpoint.json" in str(caught.value)


def test_no_manifest_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"checkpoint.json: no such file"):
        load_manifest(tmp_path)


def test_the_identity_is_that_of_the_files(checkpoint: Path) -> None:
    before = load_manifest(checkpoint)
    assert isinstance(before, Manifest)
    edit(checkpoint, lambda d: d["source"].update(path="elsewhere"))
    assert load_manifest(checkpoint).sha256 == before.sha256
    edit(checkpoint, lambda d: d.update(files=dict(reversed(d["files"].items()))))
    assert load_manifest(checkpoint).sha256 == before.sha256
    edit(checkpoint, lambda d: d["files"].update({"config.json": "0" * 64}))
    assert load_manifest(checkpoint, verify=False).sha256 != before.sha256
