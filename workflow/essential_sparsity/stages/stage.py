"""What a stage is: the declaration of one kind of job, and of the artifacts that it leaves.

Rules, `make plan`, `make fetch`, repair, report, bundles and the table of artifacts in the docs all
take what they need from these declarations. Nothing else spells a path or an input.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from essential_sparsity.estimate.sizes import Amount, Sizes
from essential_sparsity.stages.checks import Finding
from essential_sparsity.study.resolve import Resolved
from essential_sparsity.support.spec import Spec

# The wildcards of a job: what its paths leave open, but for the study's name.
Place = Mapping[str, str]


@dataclass(frozen=True)
class Resources:
    """What a job's first attempt asks for; later ones ask for as many times as much.

    Attributes:
        memory: in megabytes; or by the model's size, that of reading a checkpoint or of training.
        minutes: of wall time.
        gpu: whether it takes a GPU where there is one.
    """

    memory: int | Literal["reading", "training"] = 2000
    minutes: int = 30
    gpu: bool = False


def flags(
    name: str, values: Callable[[Resolved, Place], Iterable[str]]
) -> Callable[[Resolved, Place], list[str]]:
    """Return what tells a program each of some values: `--name=value`."""
    return lambda study, place: [f"--{name}={value}" for value in values(study, place)]


def no_files(study: Resolved, place: Place) -> list[str]:
    """Return nothing: most artifacts are made from artifacts alone."""
    return []


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """One kind of job.

    Attributes:
        name: in one word.
        title: its artifacts, in tables.
        about: what an artifact is, as docs/artifacts.md has it, with links there.
        outputs: role → pattern of the path; the first one is what the workflow is asked for.
        places: study → the jobs that are known before any result is.
        inputs: role → the path of what a job reads; a list where there may be several, or none.
        spec: what a job depends on besides its inputs and its code.
        code: the modules whose code decides the artifact, for its cache key.
        told: what else its program is told, which makes nothing run again.
        files: what else it is made from, outside the results folder.
        ordered: whether the order of the inputs matters, so that another one makes it anew.
        check: reads all of an artifact's files, relative to a root; yields what is damaged. None of
            what people read and no stage does.
        whole_folder: whether all that lies beside the first output belongs to it.
        message: what Snakemake says when a job starts.
        environment: the conda environment, a file of `envs/`.
        resources: what a job asks for.
        record: the path of its log and its benchmark, without folder and ending.
        size: the bytes of an artifact, None where they are next to nothing.
        remote: whether making it may need a network.
    """

    name: str
    title: str
    about: str
    outputs: Mapping[str, str]
    places: Callable[[Resolved], Iterable[Place]]
    inputs: Mapping[str, Callable[[Resolved, Place], str | list[str]]]
    spec: Callable[[Resolved, Place], Spec] | None
    code: Callable[[Resolved, Place], tuple[str, ...]]
    told: Mapping[str, Callable[[Resolved, Place], object]] = field(default_factory=dict)
    files: Callable[[Resolved, Place], list[str]] = no_files
    ordered: bool = False
    check: Callable[[Path, tuple[Path, ...]], Iterator[Finding]] | None
    whole_folder: bool = False
    message: str
    environment: Literal["numpy", "torch"] = "numpy"
    resources: Resources = field(default=Resources())
    record: str
    size: Callable[[Sizes, Resolved, Place], Amount] | None = None
    remote: bool = False

    def paths(self, study: Resolved, place: Place) -> list[str]:
        """Return the paths of a job's outputs."""
        names = {**place, "study": study.study.study}
        return [pattern.format(**names) for pattern in self.outputs.values()]

    def targets(self, study: Resolved) -> list[str]:
        """Return what the workflow is asked for to have all of the study's artifacts made."""
        return [self.paths(study, place)[0] for place in self.places(study)]
