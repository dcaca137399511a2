"""The artifacts that lie below a results folder: found by the paths that stages declare."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from essential_sparsity.stages.all import STAGES
from essential_sparsity.stages.checks import Finding
from essential_sparsity.stages.figures import FIGURES
from essential_sparsity.stages.paths import matching
from essential_sparsity.stages.stage import Stage


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

    def findings(self, root: Path) -> list[Finding]:
        """Read all of the artifact below `root`; return what is damaged, in the files' order."""
        assert self.stage.check is not None
        return list(self.stage.check(root, self.files))

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
        expression = matching(pattern)
        for path in sorted(root.glob(re.sub(r"{\w+}", "*", pattern))):
            match = expression.fullmatch(path.relative_to(root).as_posix())
            if match is not None and match.groups() not in seen:
                seen.add(match.groups())
                yield match.groupdict()
