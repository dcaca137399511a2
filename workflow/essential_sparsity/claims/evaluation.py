"""Verdicts: each claim in the paper's setting or, where that was not run, on a study's own models.

A verdict on own models says nothing of the paper's: its row is marked `own`, and its statement says
on which models and tasks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from essential_sparsity.claims.claim_test import ClaimTest
from essential_sparsity.claims.entry import ClaimEntry, Role
from essential_sparsity.claims.evidence import Evidence, Row
from essential_sparsity.claims.finding import Finding
from essential_sparsity.claims.spec import ClaimsSpec
from essential_sparsity.estimators.intervals import Interval
from essential_sparsity.estimators.words import in_points

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("claim", "statement", "paper", "paper_value")),
        *((name, pa.float64()) for name in ("measured", "low", "high")),
        *((name, pa.string()) for name in ("measured_censored", "unit")),
        ("epsilon", pa.float64()),
        *((name, pa.string()) for name in ("verdict", "reason")),
        *((name, pa.list_(pa.string())) for name in ("experiments", "models", "tasks")),
        ("own", pa.bool_()),
    ]
)

_PAPERS_STUDY = "studies/paper.yaml"
_SHOWN = 3  # models of which something is missing, named one by one


def measured_of(row: Row) -> Interval | None:
    """Return what a verdict's row says was measured, None if nothing was."""
    if row["measured"] is None:
        return None
    return Interval(
        row["measured"], row["low"], row["high"], censored=row["measured_censored"] or ""
    )


def tolerance_of(row: Row) -> str:
    """Return at which tolerance a verdict stands, such as `ε = 1 point`; empty if at any."""
    return "" if row["epsilon"] is None else f"ε = {in_points(row['epsilon'])}"


def evaluate_claims(folder: Path, spec: ClaimsSpec) -> pa.Table:
    """Return a row for each verdict (columns: `SCHEMA`), claims in the order of their names.

    A claim to which the study has nothing to say has no row. One that own models speak to has two:
    the paper's, `not run`, and theirs.

    Args:
        folder: the study's, with its experiments' tables.
        spec: the claims, and what the tables do not say.

    Raises:
        UserError: a table is missing or damaged, or lacks a column.
    """
    rows = [
        row
        for name, claim in sorted(spec.claims.items())
        for row in _verdicts(name, claim, _gather(folder, spec, claim.test), spec)
    ]
    return pa.Table.from_pylist(rows, SCHEMA)


def _gather(folder: Path, spec: ClaimsSpec, test: ClaimTest) -> list[Row]:
    """Return what a test reads of all experiments; of equal rows, the one of the highest rank.

    Where several rank alike it is that of the experiment whose name comes first: not of the first
    one, so that verdicts do not hang on the order in which a study lists its experiments.
    """
    best: dict[tuple[Any, ...], Row] = {}
    for experiment, tables in spec.experiments.items():
        if set(test.tables) <= set(tables):
            for row in test.load(folder / experiment / f"{test.table}.parquet", spec):
                row["experiment"] = experiment
                key = tuple(row[column] for column in test.key)
                held = best.setdefault(key, row)
                rank, other = test.rank(row), test.rank(held)
                if rank > other or (rank == other and experiment < held["experiment"]):
                    best[key] = row
    return [row for row in best.values() if row["model"] in spec.models]


def _verdicts(name: str, claim: ClaimEntry, rows: list[Row], spec: ClaimsSpec) -> Iterator[Row]:
    about_paper = _evidence(
        {
            role: [r for r in rows if _is_papers(r, of, claim.test, spec)]
            for role, of in claim.roles.items()
        },
        spec,
    )
    words = {"claim": name, "paper": claim.paper.place, "paper_value": claim.paper.value}
    if (finding := claim.test.evaluate(about_paper)) is not None:
        finding = _with_gaps(claim, finding, _missing(claim, about_paper))
        yield {
            **words,
            "statement": claim.statement,
            **_columns(finding, about_paper, claim.test),
            "own": False,
        }
    elif claim.own is not None:
        about_own = _evidence(
            {role: [r for r in rows if _is_like(r, of, spec)] for role, of in claim.roles.items()},
            spec,
        )
        if (finding := claim.test.evaluate(about_own)) is None:
            return
        absent = Finding("not run", _needed(claim, _missing(claim, about_paper), spec))
        nothing = replace(about_paper, roles={})
        yield {
            **words,
            "statement": claim.statement,
            **_columns(absent, nothing, claim.test),
            "own": False,
        }
        statement = f"{claim.own} (own models: {_place(about_own)})"
        yield {
            **words,
            "statement": statement,
            **_columns(finding, about_own, claim.test),
            "own": True,
        }


def _evidence(roles: Mapping[str, list[Row]], spec: ClaimsSpec) -> Evidence:
    labels = {name: facts.label for name, facts in spec.models.items()} | spec.tasks
    return Evidence(roles, labels, spec.epsilon, spec.confidence, spec.named)


def _is_papers(row: Row, role: Role, test: ClaimTest, spec: ClaimsSpec) -> bool:
    """Tell whether a row is of the paper's models and tasks, and made as the paper made it."""
    task = row.get("task")
    named = row["model"] in role.models and (task is None or task in role.tasks)
    return named and test.is_papers(row, spec)


def _is_like(row: Row, role: Role, spec: ClaimsSpec) -> bool:
    """Tell whether a row is of a model to which the claim extends."""
    return role.like is not None and set(role.like) <= set(spec.models[row["model"]].traits)


def _missing(claim: ClaimEntry, evidence: Evidence) -> list[str]:
    """Return which of the paper's models, or models on tasks, there is nothing of."""
    missing: dict[str, None] = {}
    for name, role in claim.roles.items():
        found = {(row["model"], row.get("task")) for row in evidence.roles[name]}
        for model in role.models:
            tasks = [task for task in role.tasks if (model, task) not in found]
            if model not in {of for of, _ in found}:
                missing[f"{model} on {', '.join(role.tasks)}" if role.tasks else model] = None
            elif tasks:
                missing[f"{model} on {', '.join(tasks)}"] = None
    return list(missing)


def _with_gaps(claim: ClaimEntry, finding: Finding, missing: list[str]) -> Finding:
    """Return what can be said while a part of the paper's setting is missing.

    A claim about everything is refuted by a part, but not borne out.
    """
    if not missing:
        return finding
    gap = f"not run: {_listed(missing)}"
    if finding.verdict == "holds" or not claim.test.universal:
        finding = replace(finding, verdict="not resolved")
        return replace(finding, reason=f"a part only; {gap}; so far: {finding.reason}")
    return finding.with_reason(gap)


def _needed(claim: ClaimEntry, missing: list[str], spec: ClaimsSpec) -> str:
    """Return what would have to be run, and which study runs it."""
    kinds = spec.figures_with(claim.test.tables)
    figures = " or ".join(f"'{kind}'" for kind in kinds)
    by_recipe = " by recipe 'paper'" if any(role.tasks for role in claim.roles.values()) else ""
    return (
        f"needs an experiment of figure {figures} with {_listed(missing)}{by_recipe}, as in "
        f"{_PAPERS_STUDY}"
    )


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return "; ".join(names[:_SHOWN]) + (f"; and {more} more models" if more > 0 else "")


def _place(evidence: Evidence) -> str:
    """Return `MiniLM-L6 on Topic, Pair`."""
    models = ", ".join(map(evidence.label, _names(evidence, "model")))
    tasks = ", ".join(map(evidence.label, _names(evidence, "task")))
    return f"{models} on {tasks}" if tasks else models


def _names(evidence: Evidence, column: str) -> list[str]:
    return list(dict.fromkeys(row[column] for row in evidence.rows if row.get(column)))


def _columns(finding: Finding, evidence: Evidence, test: ClaimTest) -> Row:
    measured = finding.measured
    return {
        "measured": None if measured is None else measured.value,
        "low": None if measured is None else measured.low,
        "high": None if measured is None else measured.high,
        "measured_censored": None if measured is None else measured.censored,
        "unit": finding.unit,
        "epsilon": test.tolerance(evidence.epsilon),
        "verdict": finding.verdict,
        "reason": finding.reason,
        "experiments": _names(evidence, "experiment"),
        "models": _names(evidence, "model"),
        "tasks": _names(evidence, "task"),
    }
