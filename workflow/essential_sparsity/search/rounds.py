"""A search's rounds: each lists, curve by curve, the runs that the search wants, and why.

A round lists all runs from the first on, so that the last one alone tells what a search ran.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Self

from pydantic import Field

from essential_sparsity.estimators.search import FIRST_SEEDS
from essential_sparsity.estimators.words import Censoring
from essential_sparsity.masks.spec import DENSE
from essential_sparsity.outcomes.spec import RunsSpec, StatisticsSpec
from essential_sparsity.search.spec import SearchSpec
from essential_sparsity.support.files import read_json
from essential_sparsity.support.spec import Name, Spec

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
        by_mask = [*self.points.items(), *self.certification.items()]
        dense = sorted({seed for _, seeds in by_mask for seed in seeds})
        for mask, seeds in [(DENSE.name, dense), *by_mask]:
            for seed in seeds:
                yield mask, seed


class Round(Spec):
    """The runs that a search wants after the results of a round."""

    number: int
    curves: tuple[Wanted, ...]

    @property
    def is_last(self) -> bool:
        """True if the search runs no more than the runs listed."""
        return all(curve.settled for curve in self.curves)

    def certification(self) -> dict[tuple[str, str], dict[str, Seeds]]:
        """Return (model, task) → mask → the fresh seeds of its runs, of all sparse masks."""
        found: dict[tuple[str, str], dict[str, Seeds]] = {}
        for curve in self.curves:
            of_task = found.setdefault((curve.model, curve.task), {})
            for mask, seeds in curve.certification.items():
                of_task[mask] = tuple(sorted({*of_task.get(mask, ()), *seeds}))
        return found

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a round that the stage has written."""
        document = read_json(path, "round of a search")
        return cls.check({key: document.get(key) for key in cls.model_fields}, str(path))


def load_last(root: Path, folder: str) -> Round:
    """Read the round that ended a search whose rounds lie in `folder` below `root`.

    Files of later numbers may be left from a search that was longer: they are not read.
    """
    found = (Round.load(root / folder / f"round{number}.json") for number in count(1))
    return next(one for one in found if one.is_last)


class RoundSpec(Spec):
    """Everything that a round depends on besides runs."""

    models: tuple[Name, ...] = Field(min_length=1)
    tasks: tuple[Name, ...] = Field(min_length=1)
    lattices: dict[str, tuple[str, ...]] = Field(
        description="family → all masks that may be tried, by ascending sparsity"
    )
    starts: dict[str, tuple[str, ...]] = Field(
        description="family → the masks with which the search begins"
    )
    seeds: tuple[int, ...] = Field(min_length=1)
    seeds_of: dict[Name, tuple[int, ...]] = Field(
        default={}, description="other seeds for some of the tasks"
    )
    metrics: dict[Name, str] = Field(default={}, description="task → metric")
    statistics: StatisticsSpec = StatisticsSpec()
    settings: SearchSpec

    @property
    def runs(self) -> RunsSpec:
        """Which runs are looked at: controls have no part in a search."""
        families = {family: () for family in self.lattices}
        return RunsSpec(models=self.models, families=families, metrics=self.metrics)

    def seeds_on(self, task: str) -> tuple[int, ...]:
        """Return the seeds of a task's runs."""
        return self.seeds_of.get(task, self.seeds)

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
