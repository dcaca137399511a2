"""The rows of tables that a test reads, by the role that each plays in the claim."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

Row = dict[str, Any]

# What two models' rows must have in common to be compared.
_MADE = ("task", "recipe", "family")


@dataclass(frozen=True)
class Evidence:
    """Rows by role, and what is needed to judge and to name them.

    Rows have `model`, and `task` where a table is about tasks. `labels` are those of models and
    tasks, `recipes` the names of recipes in the catalog, by identity; `epsilon` is in points.
    """

    roles: Mapping[str, Sequence[Row]]
    labels: Mapping[str, str]
    epsilon: float
    confidence: float
    recipes: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> list[Row]:
        """All rows, each once, whatever their role."""
        return list({id(row): row for rows in self.roles.values() for row in rows}.values())

    def name(self, row: Row) -> str:
        """Return `MiniLM-L6 on Topic`, with recipe and masks in brackets where there are several.

        Two recipes of one name, one of them with changes, bear their digests.
        """
        model, task = self.label(row["model"]), row.get("task")
        name = f"{model} on {self.label(task)}" if task else model
        recipes, families = self._found_on[task]
        details = []
        if len(recipes) > 1:
            names = [self.recipes.get(recipe, recipe) for recipe in recipes]
            called = self.recipe(row)
            details.append(called if names.count(called) == 1 else row["recipe"])
        if len(families) > 1:
            details.append(row["family"])
        return f"{name} ({', '.join(details)})" if details else name

    @cached_property
    def _found_on(self) -> dict[str | None, tuple[set[str], set[str]]]:
        """Task → the recipes and the families of masks that there are rows of."""
        found: dict[str | None, tuple[set[str], set[str]]] = {}
        for row in self.rows:
            of_task = found.setdefault(row.get("task"), (set(), set()))
            for key, values in zip(("recipe", "family"), of_task, strict=True):
                if row.get(key):
                    values.add(row[key])
        return found

    def label(self, name: str) -> str:
        """Return the label of a model or task."""
        return self.labels.get(name, name)

    def recipe(self, row: Row) -> str:
        """Return the name of a row's recipe in the catalog, one for all tasks."""
        return self.recipes.get(row["recipe"], row["recipe"])

    def by_recipe(self, rows: Sequence[Row]) -> dict[str, list[Row]]:
        """Return the rows apart by what is the same across tasks: recipe and family of masks.

        A recipe has its own settings on every task, so that it is told by its name. Where one task
        has two of one name, an experiment having changed it, the experiment tells them apart as
        well: it changes the recipes of all of its tasks alike.
        """
        changed: dict[tuple[str, ...], set[str]] = {}
        for row in rows:
            place = row["model"], row["task"], row["family"], self.recipe(row)
            changed.setdefault(place, set()).add(row["recipe"])
        ambiguous = {place[-1] for place, recipes in changed.items() if len(recipes) > 1}
        several_families = len({row["family"] for row in rows}) > 1
        found: dict[str, list[Row]] = {}
        for row in rows:
            recipe = self.recipe(row)
            experiment = [row["experiment"]] if recipe in ambiguous else []
            family = [row["family"]] if several_families else []
            found.setdefault(", ".join([recipe, *experiment, *family]), []).append(row)
        return dict(sorted(found.items()))

    def pairs(self, first: str, second: str) -> Iterator[tuple[Row, Row]]:
        """Yield every row of one role with those of other models in another that are made alike.

        They are on the same task, by the same recipe and of masks of one family.
        """
        for row in self.roles[first]:
            for other in self.roles[second]:
                alike = all(row.get(key) == other.get(key) for key in _MADE)
                if row["model"] != other["model"] and alike:
                    yield row, other


def percent(sparsity: float) -> str:
    """Return a share of 1 as `52.3 %`."""
    return f"{100 * sparsity:.3g} %"
