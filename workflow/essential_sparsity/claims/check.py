"""The base of all checks of claims, and the evidence that they read: rows of tables by role."""

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from essential_sparsity.claims.finding import Case, Finding, Range
from essential_sparsity.support.spec import Name, Spec
from essential_sparsity.support.tables import read_table

Row = dict[str, Any]
Trait = Literal["language", "vision", "encoder", "decoder", "supervised", "self-supervised"]

CURVE = ("model", "task", "recipe", "family")


class ModelFacts(Spec):
    """A pre-trained model of the study."""

    label: str
    traits: tuple[Trait, ...] = ()


class TrainedMask(Spec):
    """The training that found a mask: its task, its recipe (by identity) and its seed."""

    task: Name
    recipe: str
    seed: int
    plain: bool = Field(description="without options that depart from the paper's tickets")


class StudyFacts(Spec):
    """Facts about a study that its tables do not hold."""

    experiments: dict[Name, tuple[str, ...]] = Field(description="experiment → its tables")
    figures: dict[Name, tuple[str, ...]] = Field(
        default={}, description="kind of figure → the tables that an experiment of it has"
    )
    models: dict[Name, ModelFacts] = Field(
        description="the pre-trained ones: random starts are out"
    )
    tasks: dict[Name, str] = Field(default={}, description="task → label")
    recipes: dict[Name, str] = Field(
        default={}, description="task → identity of the recipe that is the paper's"
    )
    named: dict[str, str] = Field(
        default={}, description="identity of a recipe → its name in the catalog"
    )
    trained: dict[str, TrainedMask] = Field(default={}, description="mask → its training")
    epsilon: float = Field(default=1.0, gt=0, description="drop that counts as none, in points")
    confidence: float = Field(default=0.95, gt=0.5, lt=1)

    def recipe_name(self, identity: str) -> str:
        """Return a recipe's name in the catalog, one for all tasks."""
        return self.named.get(identity, identity)


@dataclass(frozen=True)
class Evidence:
    """The rows of tables that a check reads, by the role that each plays in the claim.

    Rows have `model`, and `task` where a table is about tasks.
    """

    roles: Mapping[str, Sequence[Row]]
    study: StudyFacts

    @cached_property
    def rows(self) -> list[Row]:
        """All rows, each once, whatever their role."""
        return list({id(row): row for rows in self.roles.values() for row in rows}.values())

    def label(self, name: str) -> str:
        """Return the label of a model or task."""
        models, tasks = self.study.models, self.study.tasks
        return models[name].label if name in models else tasks.get(name, name)

    def name(self, row: Row) -> str:
        """Return `MiniLM-L6 on Topic`, with recipe and masks in brackets where there are several.

        Two recipes of one name, one of them with changes, bear their digests.
        """
        model, task = self.label(row["model"]), row.get("task")
        name = f"{model} on {self.label(task)}" if task else model
        recipes, families = self._found_on[task, "recipe"], self._found_on[task, "family"]
        details = []
        if len(recipes) > 1:
            names = [self.study.recipe_name(recipe) for recipe in recipes]
            called = self.study.recipe_name(row["recipe"])
            details.append(called if names.count(called) == 1 else row["recipe"])
        if len(families) > 1:
            details.append(row["family"])
        return f"{name} ({', '.join(details)})" if details else name

    @cached_property
    def _found_on(self) -> dict[tuple[str | None, str], set[str]]:
        """(task, `recipe` or `family`) → its values in the rows."""
        found = defaultdict[tuple[str | None, str], set[str]](set)
        for row in self.rows:
            for key in ("recipe", "family"):
                if row.get(key):
                    found[row.get("task"), key].add(row[key])
        return found

    def by_recipe(self, rows: Sequence[Row]) -> dict[str, list[Row]]:
        """Return the rows by what is the same across tasks: recipe and family of masks.

        A recipe has its own settings on every task, so its name tells it from others. Where one
        task has two of one name, because an experiment changed it, the experiment tells them apart
        as well: it changes the recipes of all of its tasks alike.
        """
        named = [(self.study.recipe_name(row["recipe"]), row) for row in rows]
        changed = defaultdict[tuple[str, ...], set[str]](set)
        for name, row in named:
            changed[row["model"], row["task"], row["family"], name].add(row["recipe"])
        ambiguous = {place[-1] for place, recipes in changed.items() if len(recipes) > 1}
        several_families = len({row["family"] for row in rows}) > 1
        found = defaultdict[str, list[Row]](list)
        for name, row in named:
            experiment = [row["experiment"]] if name in ambiguous else []
            family = [row["family"]] if several_families else []
            found[", ".join([name, *experiment, *family])].append(row)
        return dict(sorted(found.items()))

    def pairs(self, first: str, second: str) -> Iterator[tuple[Row, Row]]:
        """Yield every row of one role with those of other models in another that are made alike.

        They are on the same task, by the same recipe and of masks of one family.
        """
        for row in self.roles[first]:
            for other in self.roles[second]:
                alike = all(row.get(key) == other.get(key) for key in ("task", "recipe", "family"))
                if row["model"] != other["model"] and alike:
                    yield row, other

    def decide(
        self, cases: Sequence[Case], low: float | None, high: float | None, unit: str
    ) -> Finding | None:
        """Decide whether every case lies in a range (see `Range`); None where there is no case."""
        return Range(low, high, unit, self.study.confidence).decide(cases) if cases else None


def grouped(rows: Sequence[Row], columns: Sequence[str]) -> dict[tuple[Any, ...], list[Row]]:
    """Return the rows by their values in `columns`, in the order in which these occur."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[column] for column in columns), []).append(row)
    return found


def percent(sparsity: float) -> str:
    """Return a share of 1 as `52.3 %`."""
    return f"{100 * sparsity:.3g} %"


class Check(Spec):
    """One way to decide on a claim. Its fields are the keys of `test:` in a claim's file.

    - `table`: what it reads of an experiment; `beside`: further tables of the same experiment that
      tell what these rows are worth.
    - `key`: the columns that tell two rows apart. Where experiments share a row, that with the
      highest `rank` counts. `columns`: the others that it reads.
    - `roles`: those that a claim must fill; empty if it may name them as it likes, since all of
      their rows count alike.
    - `universal`: whether the claim is about every case, so that one counterexample refutes it.
    """

    table: ClassVar[str] = ""
    beside: ClassVar[tuple[str, ...]] = ()
    key: ClassVar[tuple[str, ...]] = ()
    columns: ClassVar[tuple[str, ...]] = ()
    roles: ClassVar[tuple[str, ...]] = ()
    universal: ClassVar[bool] = True

    kind: str

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that an experiment must have to speak to it."""
        return (self.table, *self.beside)

    def load(self, tables: Mapping[str, Path], study: StudyFacts) -> list[Row]:
        """Return the rows of an experiment's table that the check is about.

        Raises:
            UserError: the table is missing, damaged, or lacks a column.
        """
        rows = read_table(tables[self.table], {*self.key, *self.columns}).to_pylist()
        return [row for row in rows if self.concerns(row, study)]

    def concerns(self, row: Row, study: StudyFacts) -> bool:
        """Tell whether the check is about this row."""
        return True

    def rank(self, row: Row) -> tuple[float, ...]:
        """Return what decides between equal rows of several experiments: how many seeds it has."""
        return (row.get("seeds", 0),)

    def tolerance(self, epsilon: float) -> float | None:
        """Return the drop, in points, that counts as none; None if it makes no difference.

        Args:
            epsilon: the study's.
        """
        return None

    def is_papers(self, row: Row, study: StudyFacts) -> bool:
        """Tell whether a row of the paper's models was made as the paper made it."""
        return "task" not in row or row["recipe"] == study.recipes.get(row["task"])

    @abstractmethod
    def evaluate(self, evidence: Evidence) -> Finding | None:
        """Decide; None where the evidence does not speak to the claim at all."""


class MaskCheck(Check):
    """A check of the masks of one criterion and scope."""

    criterion: str = Field(default="magnitude", description="what removes the weights")
    scope: str = Field(
        default="global", description="over what they are ranked; `N:M` for patterns of any size"
    )

    def concerns(self, row: Row, study: StudyFacts) -> bool:
        """Tell whether the row is about such masks."""
        by_pattern = row["scope"].startswith("N:")
        fits = by_pattern if self.scope == "N:M" else row["scope"] == self.scope
        return fits and bool(row["criterion"] == self.criterion)


class Unavailable(Check):
    """No experiment yet: no study has rows of such a claim, which is data all the same."""

    kind: Literal["unavailable"]
    reason: str = Field(description="what is missing")

    def evaluate(self, evidence: Evidence) -> None:
        """Decide nothing."""
