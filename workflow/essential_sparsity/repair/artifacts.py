"""What lies below a results folder, found by the paths that stages declare, and what it is made of.

A mask records its checkpoint and the masks that it refers to, a run its checkpoint, its mask and
its task's data. Where one of these is another one now, or was damaged when it was read, what was
made of it may be wrong, and nothing in the file alone tells.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.masks.mask import load_header
from essential_sparsity.stages import paths
from essential_sparsity.stages.all import STAGES
from essential_sparsity.stages.checks import Finding
from essential_sparsity.stages.figures import FIGURES
from essential_sparsity.stages.masks import MASK, TICKET
from essential_sparsity.stages.runs import RUN
from essential_sparsity.stages.stage import Stage
from essential_sparsity.study.resolve import Resolved
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import read_json, sha256_of
from essential_sparsity.support.tables import read_origin

_SAID = {
    "checkpoint": "made from another checkpoint than the one in {folder}",
    "task": "made from other task data than {folder}",
}


@dataclass(frozen=True, eq=False)
class Artifact:
    """One artifact, or several that one job writes and that are of use together only.

    Attributes:
        stage: the stage that makes it.
        names: the parts of its path, by what they are called in patterns.
        files: all that lies there of it, relative to the results.
    """

    stage: Stage
    names: dict[str, str]
    files: tuple[Path, ...]

    @property
    def outputs(self) -> list[str]:
        """The paths of all that its job writes, the first of which the workflow is asked for."""
        return [pattern.format(**self.names) for pattern in self.stage.outputs.values()]

    @property
    def level(self) -> int:
        """The place of its stage among all: jobs read artifacts of lower ones and of their own."""
        return STAGES.index(self.stage)


def artifacts(root: Path) -> list[Artifact]:
    """Return all that lies below `root` and that a stage reads, in the order of making."""
    found: dict[Path, Artifact] = {}
    # Figures first: a table's pattern fits the data that lie beside one, too.
    for stage in sorted(STAGES, key=lambda stage: stage not in FIGURES.values()):
        if stage.check is None:
            continue
        for names in _places(root, stage):
            files = (Path(pattern.format(**names)) for pattern in stage.outputs.values())
            # Two stages may leave masks.
            there = tuple(f for f in files if f not in found and (root / f).is_file())
            if there:
                found |= dict.fromkeys(there, Artifact(stage, names, there))
    return sorted(dict.fromkeys(found.values()), key=lambda artifact: artifact.level)


def _places(root: Path, stage: Stage) -> Iterator[dict[str, str]]:
    """Yield the names in the paths that lie there, each once; a part of the files is enough."""
    seen: set[tuple[str, ...]] = set()
    for pattern in stage.outputs.values():
        expression = paths.matching(pattern)
        for path in sorted(root.glob(re.sub(r"{\w+}", "*", pattern))):
            match = expression.fullmatch(path.relative_to(root).as_posix())
            if match is not None and match.groups() not in seen:
                seen.add(match.groups())
                yield match.groupdict()


def foreign(study: Resolved, sound: list[Artifact]) -> Iterator[tuple[Artifact, Finding]]:
    """Yield the sound artifacts that were made from something else, and what follows from them.

    What a study does not know how to make has inputs that nobody knows: of such artifacts those
    are compared that a path alone tells.
    """
    spoilt: dict[Path, str] = {}
    waiting = list(sound)
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
