"""Checks of how alike masks are that training found and one-shot ones: counted, not estimated.

Any two masks of sparsity s have the cosine 1 − s by chance alone, and weights that moved at random
keep most of their mask too. So every reason gives κ, what is left beyond chance, and the cosine of
the noise that moved as far, where the study has such a null model.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import ClassVar, Literal

import pyarrow.compute as pc
from pydantic import Field

from essential_sparsity.claims.check import Check, Evidence, Row, StudyFacts, grouped, percent
from essential_sparsity.claims.finding import Case, Finding, Range
from essential_sparsity.estimators.intervals import Interval
from essential_sparsity.support.tables import read_table

_DECIMALS = 3  # to which the sparsities of two masks agree that are compared
_ONE_SHOT = "magnitude-global"


class SimilarityCheck(Check):
    """A check of pairs of masks of one sparsity.

    A row's `pair` says of what: a `ticket` beside the one-shot mask, the one-shot mask beside a
    `null` model of noise, tickets of two `tasks`, or of two `seeds` of one task; two tickets are
    found by one recipe. `task` is that of the first ticket.
    """

    table: ClassVar[str] = "similarity"
    key: ClassVar[tuple[str, ...]] = ("model", "mask_a", "mask_b")
    columns: ClassVar[tuple[str, ...]] = (
        *("matrix", "cosine", "chance", "kappa"),
        *(f"{key}_{side}" for key in ("family", "criterion", "sparsity") for side in "ab"),
    )

    up_to: float = Field(default=1.0, gt=0, le=1, description="the largest sparsity that counts")

    def load(self, path: Path, study: StudyFacts) -> list[Row]:
        """Return the pairs that the tests are about, all matrices together."""
        table = read_table(path, {*self.key, *self.columns})
        rows = table.filter(pc.is_null(table["matrix"])).to_pylist()
        return [found for row in rows for found in _as_pair(row, study, self.up_to)]

    def is_papers(self, row: Row, study: StudyFacts) -> bool:
        """Tell whether the tickets are found as the paper finds them."""
        found = [study.trained[mask] for mask in row["tickets"]]
        return all(mask.plain and mask.recipe == study.recipes.get(mask.task) for mask in found)


def _as_pair(row: Row, study: StudyFacts, up_to: float) -> Iterator[Row]:
    """Yield the row as a pair, if it is one that the tests are about."""
    sparsity, other = (round(row[f"sparsity_{side}"], _DECIMALS) for side in "ab")
    if sparsity != other or not 0 < sparsity <= up_to + 10**-_DECIMALS:
        return
    tickets = [row[f"mask_{side}"] for side in "ab" if row[f"criterion_{side}"] == "ticket"]
    found = [study.trained[mask] for mask in tickets]
    pair: str | None = None
    if len(found) == 2:
        one, two = found
        if one.task != two.task:
            alike = study.named.get(one.recipe, one.recipe) == study.named.get(
                two.recipe, two.recipe
            )
            pair = "tasks" if alike else None
        else:
            pair = "seeds" if one.recipe == two.recipe else None
    elif _ONE_SHOT in (row["family_a"], row["family_b"]):
        criteria = {row["criterion_a"], row["criterion_b"]}
        pair = "ticket" if found else "null" if "noisy-magnitude" in criteria else None
    if pair is not None:
        measures = {
            key: row[key] for key in ("model", "mask_a", "mask_b", "cosine", "chance", "kappa")
        }
        place = {"task": found[0].task, "recipe": found[0].recipe} if found else {"task": None}
        seed = {"seed": found[0].seed} if found else {}
        yield {**measures, **place, **seed, "pair": pair, "sparsity": sparsity, "tickets": tickets}


def _of(evidence: Evidence, pair: str) -> list[Row]:
    return [row for row in evidence.rows if row["pair"] == pair]


def _name(row: Row, evidence: Evidence) -> str:
    return f"{evidence.name(row)}, seed {row['seed']}, at {percent(row['sparsity'])}"


def _beside(row: Row, evidence: Evidence) -> str:
    """Return κ, the chance level, and the null models of the row's model and sparsity.

    A cosine no higher than theirs is owed to where the weights started, and that is said.
    """
    text = f"κ {row['kappa']:.3g}, chance {row['chance']:.3g}"
    null = _cosines(evidence, "null", row["model"], row["sparsity"])
    if not null:
        return f"{text}, no null model here"
    text += f"; moved at random {max(null):.4f}, this {row['cosine']:.4f}"
    return text if row["cosine"] > max(null) else f"{text}: no more alike than that"


class CosineAtLeast(SimilarityCheck):
    """Every ticket's cosine with the one-shot mask of its sparsity is at least a value."""

    kind: Literal["cosine-at-least"]
    cosine: float = Field(gt=0, lt=1)

    def evaluate(self, evidence: Evidence) -> Finding | None:
        """Decide by the least similar ticket."""
        rows = _of(evidence, "ticket")
        if not rows:
            return None
        cases = [Case(_name(row, evidence), Interval.exact(row["cosine"])) for row in rows]
        finding = Range(self.cosine, None, "cosine", evidence.study.confidence).decide(cases)
        least = min(rows, key=lambda row: row["cosine"])
        return finding.with_reason(_beside(least, evidence))


class CosineFalls(SimilarityCheck):
    """Every ticket's cosine with the one-shot mask falls from each sparsity to the next."""

    kind: Literal["cosine-falls"]

    def evaluate(self, evidence: Evidence) -> Finding | None:
        """Decide by the largest step; a chain needs two sparsities."""
        tickets = sorted(_of(evidence, "ticket"), key=lambda row: row["sparsity"])
        chains = grouped(tickets, ("model", "task", "recipe", "seed")).values()
        steps = [step for chain in chains for step in pairwise(chain)]
        if not steps:
            return None
        cases = [
            Case(
                f"{_name(last, evidence)} from {percent(first['sparsity'])}",
                Interval.exact(last["cosine"] - first["cosine"]),
            )
            for first, last in steps
        ]
        finding = Range(None, 0.0, "cosine", evidence.study.confidence).decide(cases)
        first, last = max(steps, key=lambda step: step[1]["cosine"] - step[0]["cosine"])
        rises = "; beyond chance they get more alike" if last["kappa"] > first["kappa"] else ""
        return finding.with_reason(
            f"κ {first['kappa']:.3g} to {last['kappa']:.3g}, chance {first['chance']:.3g} to "
            f"{last['chance']:.3g}{rises}"
        )


class TasksDiffer(SimilarityCheck):
    """At every sparsity, tickets of two tasks are less alike than tickets and one-shot masks."""

    kind: Literal["tasks-differ"]

    def evaluate(self, evidence: Evidence) -> Finding | None:
        """Decide by the means at each sparsity that has both."""
        pairs = _of(evidence, "tasks")
        recipes = {evidence.recipe(row) for row in pairs}
        places = {(row["model"], row["sparsity"], evidence.recipe(row)) for row in pairs}
        cases, seeds = [], []
        for model, sparsity, recipe in sorted(places):
            tasks, tickets, repeated = (
                _cosines(evidence, pair, model, sparsity, recipe)
                for pair in ("tasks", "ticket", "seeds")
            )
            if not tasks or not tickets:
                continue
            by = f" ({recipe})" if len(recipes) > 1 else ""
            name = f"{evidence.label(model)}{by} at {percent(sparsity)}"
            cases.append(Case(name, Interval.exact(fmean(tasks) - fmean(tickets))))
            seeds += [cosine - fmean(tickets) for cosine in repeated]
        if not cases:
            return None
        finding = Range(None, 0.0, "cosine", evidence.study.confidence).decide(cases)
        if not seeds:
            return finding.with_reason("no second seed of a task to compare with")
        beside = f"tickets of one task by two seeds: as low as {min(seeds):.3g}"
        nearest = max(case.interval.value for case in cases)
        return finding.with_reason(
            f"{beside}, so that another seed does as much" if min(seeds) <= nearest else beside
        )


def _cosines(
    evidence: Evidence, pair: str, model: str, sparsity: float, recipe: str | None = None
) -> list[float]:
    return [
        row["cosine"]
        for row in _of(evidence, pair)
        if (row["model"], row["sparsity"]) == (model, sparsity)
        and (recipe is None or evidence.recipe(row) == recipe)
    ]
