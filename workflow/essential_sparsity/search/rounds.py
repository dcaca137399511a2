"""A search's rounds: each lists, curve by curve, the runs that the search wants, and why.

A round lists all runs from the first on, so that the last one alone tells what a search ran.
"""

from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Self

from pydantic import Field

from essential_sparsity.estimators.search import FIRST_SEEDS
from essential_sparsity.estimators.words import Censoring
from essential_sparsity.masks.spec import DENSE, MaskLabel
from essential_sparsity.results.spec import RunsSpec
from essential_sparsity.search.spec import SearchSpec
from essential_sparsity.support.files import read_json
from essential_sparsity.support.spec import Spec

Seeds = tuple[int, ...]


class Located(Spec):
    """The crossing of ε by the runs so far; censored ends lie off the lattice."""

    estimate: float
    low: float
    high: float
    estimate_censored: Censoring = ""
    low_censored: Censoring = ""
    high_censored: Censoring = ""


class Wanted(Spec):
    """The runs of one curve: a model, a task and a family of masks."""

    model: str
    task: str
    family: str
    points: dict[str, Seeds] = Field(description="mask → seeds that locate the crossing")
    certification: dict[str, Seeds] = Field(default={}, description="mask → fresh seeds")
    settled: bool = Field(default=False, description="whether these are all runs of the curve")
    reason: str
    located: Located | None = None

    @property
    def runs(self) -> Iterator[tuple[str, int]]:
        """The (mask, seed) pairs, each once, those of the dense model first."""
        sparse = [
            (mask, seed)
            for part in (self.points, self.certification)
            for mask, seeds in part.items()
            for seed in seeds
        ]
        seeds = sorted({seed for _, seed in sparse})
        yield from ((DENSE.name, seed) for seed in seeds)
        yield from sparse


class Round(Spec):
    """The runs that a search wants after the results of a round."""

    number: int
    curves: tuple[Wanted, ...]

    @property
    def is_last(self) -> bool:
        """True if the search runs no more than the runs listed."""
        return all(curve.settled for curve in self.curves)

    def seeds_of(self, model: str, task: str) -> dict[str, Seeds]:
        """Return mask → seeds of all of a model's runs on a task, the dense mask's among them."""
        return _grouped(run for curve in self._of(model, task) for run in curve.runs)

    def certification_of(self, model: str, task: str) -> dict[str, Seeds]:
        """Return mask → fresh seeds of a model's sparse runs on a task."""
        return _grouped(
            (mask, seed)
            for curve in self._of(model, task)
            for mask, seeds in curve.certification.items()
            for seed in seeds
        )

    def _of(self, model: str, task: str) -> list[Wanted]:
        return [c for c in self.curves if (c.model, c.task) == (model, task)]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a round that the stage has written.

        Raises:
            UserError: the file is missing or is none.
        """
        document = read_json(path, "round of a search")
        return cls.check({key: document.get(key) for key in cls.model_fields}, str(path))


def load_last(root: Path, folder: str) -> Round:
    """Read the round that ended a search whose rounds lie in `folder` below `root`.

    Files of later numbers may be left from a search that was longer: they are not read.

    Raises:
        UserError: a round is missing or damaged.
    """
    found = (Round.load(root / folder / f"round{number}.json") for number in count(1))
    return next(one for one in found if one.is_last)


class RoundSpec(RunsSpec):
    """Everything that a round depends on besides runs; `masks` are all that may be tried."""

    settings: SearchSpec
    starts: dict[str, tuple[str, ...]] = Field(
        description="family → the masks with which the search begins"
    )

    def first(self) -> Round:
        """Return the runs with which the search begins."""
        return Round(
            number=0,
            curves=tuple(
                Wanted(
                    model=model,
                    task=task,
                    family=family,
                    points={mask: self.seeds_on(task)[:FIRST_SEEDS] for mask in masks},
                    reason="the beginning",
                )
                for model in self.models
                for task in self.tasks
                for family, masks in self.starts.items()
            ),
        )

    def lattice(self, family: str) -> tuple[MaskLabel, ...]:
        """Return a family's masks, by ascending sparsity: none is of an unknown one."""
        masks = [mask for mask in self.masks if mask.family == family]
        return tuple(sorted(masks, key=lambda mask: mask.sparsity or 0.0))


def _grouped(runs: Iterable[tuple[str, int]]) -> dict[str, Seeds]:
    seeds: dict[str, set[int]] = {}
    for mask, seed in runs:
        seeds.setdefault(mask, set()).add(seed)
    return {mask: tuple(sorted(found)) for mask, found in seeds.items()}
