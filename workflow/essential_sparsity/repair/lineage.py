"""What was made from something else than what lies there now, and what was computed from that.

A mask records its checkpoint and the masks that it refers to, a run its checkpoint, its mask and
its task's data. Where one of these is another one now, or was damaged when it was read, what was
made of it may be wrong, and nothing in the file alone tells.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.masks.mask import load_header
from essential_sparsity.repair.artifacts import Artifact
from essential_sparsity.stages import paths
from essential_sparsity.stages.checks import Finding
from essential_sparsity.stages.masks import MASK, TICKET
from essential_sparsity.stages.runs import RUN
from essential_sparsity.study.resolve import Resolved
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import read_json, sha256_of
from essential_sparsity.support.tables import read_origin

_SAID = {
    "checkpoint": "made from another checkpoint than the one in {folder}",
    "task": "made from other task data than {folder}",
}


def foreign(study: Resolved, sound: list[Artifact]) -> Iterator[tuple[Artifact, Finding]]:
    """Yield the sound artifacts that were made from something else, and what follows from them.

    What a study does not know how to make has inputs that nobody knows: of such artifacts those
    are compared that a path alone tells.
    """
    spoilt: dict[Path, str] = {}
    waiting = sorted(sound, key=lambda artifact: artifact.level)
    known = -1
    # A mask may be made from one that comes later.
    while known < len(spoilt):
        known = len(spoilt)
        for artifact in list(waiting):
            inputs = _inputs(study, artifact)
            text = _other_input(study.results, artifact, inputs) or next(
                (f"computed from {spoilt[path]}" for path in inputs.values() if path in spoilt),
                None,
            )
            if text:
                waiting.remove(artifact)
                path = artifact.files[0]
                place = path.parent if artifact.stage is RUN else path
                spoilt |= dict.fromkeys(map(Path, artifact.outputs), place.as_posix())
                yield artifact, Finding(path, text)


def _inputs(study: Resolved, artifact: Artifact) -> dict[str, Path]:
    """Return role → what the artifact would be made from now, as far as the study knows."""
    found: dict[str, Path] = {}
    if artifact.names.get("study", study.study.study) != study.study.study:
        return found
    for role, function in artifact.stage.inputs.items():
        try:
            given = function(study, artifact.names)
        except UserError:
            continue
        if isinstance(given, str):
            found[role] = Path(given)
        else:
            found |= {f"{role} {number}": Path(file) for number, file in enumerate(given)}
    return found


def _other_input(root: Path, artifact: Artifact, inputs: Mapping[str, Path]) -> str | None:
    """Return which of the inputs that an artifact records is another one now."""
    for role, digest in _recorded(root / artifact.files[0], artifact).items():
        if role.startswith("mask "):
            names = {"model": artifact.names["model"], "mask": role.removeprefix("mask ")}
            path = Path(paths.MASK.format(**names))
        elif role in inputs:
            path = inputs[role]
        else:
            continue
        if _digest(root, path) not in (None, digest):
            said = _SAID.get(role, "made from another mask than {path}")
            return said.format(path=path.as_posix(), folder=path.parent.as_posix())
    return None


def _recorded(path: Path, artifact: Artifact) -> dict[str, str]:
    """Return role → digest of the inputs that an artifact says it was made from."""
    if artifact.stage in (MASK, TICKET) and path.suffix == ".safetensors":
        header = load_header(path)
        return {"checkpoint": header.checkpoint, **header.inputs}
    if path.suffix != ".parquet":
        return {}
    recorded: dict[str, str] = read_origin(path).get("inputs", {})
    # A training says which mask it found, not which one it began with.
    return {r: d for r, d in recorded.items() if r != "mask" or artifact.stage is RUN}


def _digest(root: Path, path: Path) -> str | None:
    """Return what an artifact records as the digest of this input; None where nothing tells."""
    # A mask's manifest lies beside it and holds its digest.
    manifest = root / (path.with_suffix(".json") if path.suffix == ".safetensors" else path)
    try:
        if manifest.name == Path(paths.CHECKPOINT_MANIFEST).name:
            return load_manifest(manifest.parent, verify=False).sha256
        return read_json(manifest, "manifest").get("sha256") or sha256_of(manifest)
    except UserError:
        return None
