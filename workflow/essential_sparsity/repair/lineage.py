"""What was made from something else than what lies there now, and what was computed from that.

A mask records its checkpoint and the masks that it refers to, a run its checkpoint, its mask and
its task's data. Where one of these is another one now, or was damaged when it was read, what was
made of it may be wrong, and nothing in the file alone tells.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.masks.mask import load_header
from essential_sparsity.repair.artifacts import (
    CHECKPOINTS,
    FIGURES,
    MASKS,
    MEASUREMENTS,
    ROUNDS,
    RUNS,
    STUDY_TABLES,
    TABLES,
    TASKS,
    TRAININGS,
    Artifact,
    Finding,
    Kind,
)
from essential_sparsity.stages import paths
from essential_sparsity.study.plan import Plan
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import read_json, sha256_of
from essential_sparsity.support.tables import read_origin


@dataclass
class Lineage:
    """The digests of what lies below `root`, and what was found to be made from something else.

    `plan` knows which task data a run of its study reads; those of other runs are not compared.
    """

    root: Path
    plan: Plan
    sound: list[Artifact]
    _checkpoints: dict[str, str] = field(default_factory=dict)
    _masks: dict[tuple[str, str], str] = field(default_factory=dict)
    _tasks: dict[str, str] = field(default_factory=dict)
    _foreign: set[tuple[str, str]] = field(default_factory=set)

    def findings(self, everything: list[Artifact]) -> Iterator[tuple[Artifact, Finding]]:
        """Yield the sound artifacts that were made from something else, in the order of making.

        Args:
            everything: the damaged ones too, whose manifests may still say what they were.
        """
        self._note(everything)
        known = -1
        while known < len(self._foreign):
            # A mask may refer to one that comes later.
            known = len(self._foreign)
            masks = list(self._pairs(MASKS, self._mask))
        yield from masks
        runs: set[str] = set()
        for kind in (TRAININGS, *MEASUREMENTS, RUNS):
            for artifact, finding in self._pairs(kind, self._made):
                runs.add(artifact.files[0].parent.as_posix())
                yield artifact, finding
        yield from self._computed(runs)

    def _pairs(
        self, kind: Kind, reason: Callable[[Artifact], str | None]
    ) -> Iterator[tuple[Artifact, Finding]]:
        for artifact in self.sound:
            if artifact.kind is kind and (text := reason(artifact)):
                yield artifact, Finding(artifact.files[0], text)

    def _note(self, everything: list[Artifact]) -> None:
        for artifact in everything:
            names, path = artifact.names, artifact.files[0]
            try:
                if artifact.kind is CHECKPOINTS:
                    manifest = load_manifest((self.root / path).parent, verify=False)
                    self._checkpoints[names["model"]] = manifest.sha256
                elif artifact.kind is TASKS:
                    read_json(self.root / path, "task manifest")
                    self._tasks[path.as_posix()] = sha256_of(self.root / path)
                elif artifact.kind is MASKS:
                    file = self.root / paths.MASK_MANIFEST.format(**names)
                    digest = read_json(file, "mask manifest").get("sha256")
                    self._masks[names["model"], names["mask"]] = str(digest)
            except UserError:
                # Damaged, or a mask without its manifest: there is nothing to compare with.
                continue

    def _mask(self, artifact: Artifact) -> str | None:
        model, name = artifact.names["model"], artifact.names["mask"]
        if artifact.files[0].suffix != ".safetensors":
            return None
        header = load_header(self.root / artifact.files[0])
        text = self._other_checkpoint(model, header.checkpoint)
        for role, digest in header.inputs.items():
            reference = role.removeprefix("mask ")
            if reference != role:
                text = text or self._other_mask(model, reference, digest)
        if text:
            self._foreign.add((model, name))
        return text

    def _made(self, artifact: Artifact) -> str | None:
        """Return what a run, a training or a measurement was not made from."""
        origin = _origin(self.root / artifact.files[0])
        inputs, names = origin.get("inputs", {}), artifact.names
        model = names["model"]
        text = self._other_checkpoint(model, inputs.get("checkpoint"))
        if artifact.kind is RUNS:
            text = text or self._other_mask(model, names["mask"], inputs.get("mask"))
            return text or self._other_task(names, inputs.get("task"))
        masks = origin.get("spec", {}).get("masks", ()) if artifact.kind in MEASUREMENTS else ()
        return text or next(filter(None, (self._other_mask(model, m, None) for m in masks)), None)

    def _other_checkpoint(self, model: str, digest: str | None) -> str | None:
        known = self._checkpoints.get(model)
        if digest is None or known in (None, digest):
            return None
        return (
            f"made from another checkpoint than the one in {paths.CHECKPOINT.format(model=model)}"
        )

    def _other_mask(self, model: str, mask: str, digest: str | None) -> str | None:
        path = paths.MASK.format(model=model, mask=mask)
        known = self._masks.get((model, mask))
        if digest is not None and known not in (None, digest):
            return f"made from another mask than {path}"
        return f"made from {path}, which is itself" if (model, mask) in self._foreign else None

    def _other_task(self, names: dict[str, str], digest: str | None) -> str | None:
        try:
            path = self.plan.task_data(names["model"], names["task"], names["recipe"])
        except UserError:
            return None
        if digest is None or self._tasks.get(path) in (None, digest):
            return None
        return f"made from other task data than {Path(path).parent}"

    def _computed(self, runs: set[str]) -> Iterator[tuple[Artifact, Finding]]:
        """Yield the tables that such runs or masks are in, and all that follows from them."""
        experiments: dict[tuple[str, str], str] = {}
        for artifact in self.sound:
            if artifact.kind is TABLES and (text := self._table(artifact, runs)):
                experiments.setdefault(_experiment(artifact), text)
        studies = {study for study, _ in experiments}
        for artifact in self.sound:
            study = artifact.names.get("study")
            if artifact.kind in (TABLES, ROUNDS, FIGURES):
                text = experiments.get(_experiment(artifact))
                if artifact.names["experiment"] == "essential" and study in studies:
                    text = text or "computed from tables that are to be made again"
            else:
                text = None
                if artifact.kind in STUDY_TABLES and study in studies:
                    text = "computed from tables that are to be made again"
            if text:
                yield artifact, Finding(artifact.files[0], text)

    def _table(self, artifact: Artifact, runs: set[str]) -> str | None:
        path = self.root / artifact.files[0]
        spec = json.dumps(_origin(path).get("spec", {}))
        for model, mask in sorted(self._foreign):
            if f'"{model}"' in spec and f'"{mask}"' in spec:
                return f"computed from {paths.MASK.format(model=model, mask=mask)}"
        if runs and "run" in pq.read_schema(path).names:
            used = sorted(runs & set(pq.read_table(path, columns=["run"])["run"].to_pylist()))
            return f"computed from {used[0]}" if used else None
        return None


def _experiment(artifact: Artifact) -> tuple[str, str]:
    return artifact.names["study"], artifact.names["experiment"]


def _origin(path: Path) -> dict[str, Any]:
    if path.suffix != ".parquet":
        return {}
    return read_origin(path)
