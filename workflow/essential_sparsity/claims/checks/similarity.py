"""Checks of how alike masks are that training found and one-shot ones: counted, not estimated.

Any two masks of sparsity s have the cosine 1 − s by chance alone, and weights that moved at random
keep most of their mask too. So every reason gives κ, what is left beyond chance, and the cosine of
the noise that moved as far, where the study has such a null model.
"""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import pyarrow.compute as pc
from pydantic import Field

from essential_sparsity.claims.check import Check, Evidence, Row, StudyFacts, grouped, percent
from essential_sparsity.claims.finding import Case, Finding
from essential_sparsity.estimators.intervals import Interval
from essential_sparsity.support.tables import read_table

_DECIMALS = 3  # to which the sparsities of two masks agree that are compared


class SimilarityCheck(Check):
    """A check of pairs of masks of one sparsity.

    A row's `pair` says of what: a `ticket` beside the one-shot mask, the one-shot mask beside a
    `null` model of noise, tickets of two `tasks`, or of two `seeds` of one task; two tickets are
    found by one recipe. `task` is that of the first ticket.
    """

    table = "similarity"
    key = ("model", "mask_a", "mask_b")
    columns = (
        *("matrix", "cosine", "chance", "kappa"),
        *(f"{key}_{side}" for key in ("family", "criterion", "sparsity") for side in "ab"),
    )

    up_to: float = Field(default=1.0, gt=0, le=1, description="the largest sparsity that counts")

    def load(self, tables: Mapping[str, Path], study: StudyFacts) -> list[Row]:
        """Return the pairs that the tests are about, all matrices together."""
        table = read_table(tables[self.table], {*self.key, *self.columns})
        rows = table.filter(pc.is_null(table["matrix"])).to_pylist()
        return [row | told for row in rows if (told := self._as_pair(row, study))]

    def _as_pair(self, row: Row, study: StudyFacts) -> dict[str, Any] | None:
        """Return what tells of a row as a pair; None if it is none that the tests are about."""
        sparsity, other = (round(row[f"sparsity_{side}"], _DECIMALS) for side in "ab")
        if sparsity != other or not 0 < sparsity <= self.up_to + 10**-_DECIMALS:
            return None
        tickets = [row[f"mask_{side}"] for side in "ab" if row[f"criterion_{side}"] == "ticket"]
        found = [study.trained[mask] for mask in tickets]
        pair = None
        if len(found) == 2:
            one, two = found
            if one.task == two.task:
                pair = "seeds" if one.recipe == two.recipe else None
            elif study.recipe_name(one.recipe) == study.recipe_name(two.recipe):
                pair = "tasks"
        elif "magnitude-global" in (row["family_a"], row["family_b"]):
            if found:
                pair = "ticket"
            elif "noisy-magnitude" in (row["criterion_a"], row["criterion_b"]):
                pair = "null"
        if pair is None:
            return None
        told = {"pair": pair, "sparsity": sparsity, "tickets": tickets, "task": None}
        return told | (found[0].model_dump() if found else {})

    def is_papers(self, row: Row, study: StudyFacts) -> bool:
        """Tell whether the tickets are found as the paper finds them."""
        found = [study.trained[mask] for mask in row["tickets"]]
        return all(mask.plain and mask.recipe == study.recipes.get(mask.task) for mask in found)


def _of(evidence: Evidence, pair: str, **place: Any) -> list[Row]:
    """Return the rows of pairs of a kind, with these values in their columns."""
    wanted = {"pair": pair, **place}
    return [row for row in evidence.rows if all(row[key] == wanted[key] for key in wanted)]


def _name(row: Row, evidence: Evidence) -> str:
    return f"{evidence.name(row)}, seed {row['seed']}, at {percent(row['sparsity'])}"


class CosineAtLeast(SimilarityCheck):
    """Every ticket's cosine with the one-shot mask of its sparsity is at least a value."""

    kind: Literal["cosine-at-least"]
    cosine: float = Field(gt=0, lt=1)

    def evaluate(self, evidence: Evidence) -> Finding | None:
        """Decide by the least similar ticket."""
        rows = _of(evidence, "ticket")
        cases = [Case(_name(row, evidence), Interval.exact(row["cosine"])) for row in rows]
        finding = evidence.decide(cases, self.cosine, None, "cosine")
        if finding is None:
            return None
        least = min(rows, key=lambda row: row["cosine"])
        return finding.with_reason(_beside(least, evidence))


def _beside(row: Row, evidence: Evidence) -> str:
    """Return κ, the chance level, and the null models of the row's model and sparsity.

    A cosine no higher than theirs is owed to where the weights started, and that is said.
    """
    text = f"κ {row['kappa']:.3g}, chance {row['chance']:.3g}"
    null = _of(evidence, "null", model=row["model"], sparsity=row["sparsity"])
    if not null:
        return f"{text}, no null model here"
    highest = max(other["cosine"] for other in null)
    text += f"; moved at random {highest:.4f}, this {row['cosine']:.4f}"
    return text if row["cosine"] > highest else f"{text}: no more alike than that"


class CosineFalls(SimilarityCheck):
    """Every ticket's cosine with the one-shot mask falls from each sparsity to the next."""

    kind: Literal["cosine-falls"]

    def evaluate(self, evidence: Evidence) -> Finding | None:
        """Decide by the largest step; a chain needs two sparsities."""
        tickets = sorted(_of(evidence, "ticket"), key=lambda row: row["sparsity"])
        chains = grouped(tickets, ("model", "task", "recipe", "seed")).values()
        steps = [step for chain in chains for step in pairwise(chain)]
        cases = [
            Case(
                f"{_name(last, evidence)} from {percent(first['sparsity'])}",
                Interval.exact(last["cosine"] - first["cosine"]),
            )
            for first, last in steps
        ]
        finding = evidence.decide(cases, None, 0.0, "cosine")
        if finding is None:
            return None
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
        cosines: dict[tuple[Any, ...], dict[str, list[float]]] = {}
        for row in evidence.rows:
            if row["pair"] != "null":
                place = row["model"], row["sparsity"], evidence.study.recipe_name(row["recipe"])
                cosines.setdefault(place, {}).setdefault(row["pair"], []).append(row["cosine"])
        recipes = {place[-1] for place, found in cosines.items() if "tasks" in found}
        cases, seeds = [], []
        for (model, sparsity, recipe), found in sorted(cosines.items()):
            if "tasks" in found and "ticket" in found:
                by = f" ({recipe})" if len(recipes) > 1 else ""
                ticket = fmean(found["ticket"])
                apart = Interval.exact(fmean(found["tasks"]) - ticket)
                cases.append(Case(f"{evidence.label(model)}{by} at {percent(sparsity)}", apart))
                seeds += [cosine - ticket for cosine in found.get("seeds", [])]
        finding = evidence.decide(cases, None, 0.0, "cosine")
        if finding is None:
            return None
        if not seeds:
            return finding.with_reason("no second seed of a task to compare with")
        beside = f"tickets of one task by two seeds: as low as {min(seeds):.3g}"
        nearest = max(case.interval.value for case in cases)
        return finding.with_reason(
            f"{beside}, so that another seed does as much" if min(seeds) <= nearest else beside
        )
