"""Verdicts: each claim in the paper's setting or, where that was not run, on a study's own models.

A verdict on own models says nothing of the paper's: its row is marked `own`, and its statement says
on which models and tasks.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from essential_sparsity.claims.check import Check, Evidence, Row
from essential_sparsity.claims.claim import ClaimEntry, ClaimsSpec, Role
from essential_sparsity.claims.finding import Finding
from essential_sparsity.estimators.intervals import Interval
from essential_sparsity.estimators.words import in_points
from essential_sparsity.stages import paths
from essential_sparsity.support.lines import cut, format_table
from essential_sparsity.support.tables import read_table

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

_TABLE = paths.TABLE.removeprefix(f"{paths.STUDY}/")
_SHOWN = 3  # models of which something is missing, named one by one


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
    rows = []
    for name, claim in sorted(spec.claims.items()):
        words = {"claim": name, "paper": claim.paper.place, "paper_value": claim.paper.value}
        rows += [words | verdict for verdict in _verdicts(claim, folder, spec)]
    return pa.Table.from_pylist(rows, SCHEMA)


def _verdicts(claim: ClaimEntry, folder: Path, spec: ClaimsSpec) -> Iterator[Row]:
    rows = _gather(folder, spec, claim.test)

    def evidence(belongs: Callable[[Row, Role], bool]) -> Evidence:
        roles = claim.roles.items()
        return Evidence({name: [r for r in rows if belongs(r, role)] for name, role in roles}, spec)

    def is_papers(row: Row, role: Role) -> bool:
        task = row.get("task")
        named = row["model"] in role.models and (task is None or task in role.tasks)
        return named and claim.test.is_papers(row, spec)

    def is_like(row: Row, role: Role) -> bool:
        return role.like is not None and set(role.like) <= set(spec.models[row["model"]].traits)

    paper = evidence(is_papers)
    missing = _missing(claim, paper)
    if (finding := claim.test.evaluate(paper)) is not None:
        finding = _with_gaps(claim, finding, missing)
        yield _columns(claim.statement, finding, paper, claim.test, own=False)
    elif claim.own is not None:
        own = evidence(is_like)
        if (finding := claim.test.evaluate(own)) is not None:
            absent = Finding("not run", _needed(claim, missing, spec))
            yield _columns(claim.statement, absent, Evidence({}, spec), claim.test, own=False)
            models, tasks = (
                ", ".join(map(own.label, _names(own, column))) for column in ("model", "task")
            )
            place = f"{models} on {tasks}" if tasks else models
            statement = f"{claim.own} (own models: {place})"
            yield _columns(statement, finding, own, claim.test, own=True)


def _gather(folder: Path, spec: ClaimsSpec, check: Check) -> list[Row]:
    """Return what a check reads of all experiments; of equal rows, the one of the highest rank.

    Where several rank alike it is that of the experiment whose name comes first: verdicts do not
    hang on the order in which a study lists its experiments.
    """
    best: dict[tuple[Any, ...], Row] = {}
    for experiment, known in sorted(spec.experiments.items()):
        if set(check.tables) <= set(known):
            tables = {
                table: folder / _TABLE.format(experiment=experiment, table=table)
                for table in check.tables
            }
            for row in check.load(tables, spec):
                row["experiment"] = experiment
                key = tuple(row[column] for column in check.key)
                if key not in best or check.rank(row) > check.rank(best[key]):
                    best[key] = row
    return [row for row in best.values() if row["model"] in spec.models]


def _missing(claim: ClaimEntry, evidence: Evidence) -> list[str]:
    """Return which of the paper's models, or models on tasks, there is nothing of."""
    missing: dict[str, None] = {}
    for name, role in claim.roles.items():
        found = {(row["model"], row.get("task")) for row in evidence.roles[name]}
        for model in role.models:
            tasks = ", ".join(task for task in role.tasks if (model, task) not in found)
            if tasks:
                missing[f"{model} on {tasks}"] = None
            elif not any(of == model for of, _ in found):
                missing[model] = None
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
    wanted = set(claim.test.tables)
    figures = " or ".join(f"'{name}'" for name, has in spec.figures.items() if wanted <= set(has))
    by_recipe = " by recipe 'paper'" if any(role.tasks for role in claim.roles.values()) else ""
    return (
        f"needs an experiment of figure {figures} with {_listed(missing)}{by_recipe}, as in "
        "studies/paper.yaml"
    )


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return "; ".join(names[:_SHOWN]) + (f"; and {more} more models" if more > 0 else "")


def _names(evidence: Evidence, column: str) -> list[str]:
    return list(dict.fromkeys(row[column] for row in evidence.rows if row.get(column)))


def _columns(statement: str, finding: Finding, evidence: Evidence, check: Check, own: bool) -> Row:
    measured = finding.measured
    return {
        "statement": statement,
        "measured": measured and measured.value,
        "low": measured and measured.low,
        "high": measured and measured.high,
        "measured_censored": measured and measured.censored,
        "unit": finding.unit,
        "epsilon": check.tolerance(evidence.study.epsilon),
        "verdict": finding.verdict,
        "reason": finding.reason,
        "experiments": _names(evidence, "experiment"),
        "models": _names(evidence, "model"),
        "tasks": _names(evidence, "task"),
        "own": own,
    }


def measured_of(row: Row) -> Interval | None:
    """Return what a verdict's row says was measured, None if nothing was."""
    if row["measured"] is None:
        return None
    ends = row["measured"], row["low"], row["high"]
    return Interval(*ends, censored=row["measured_censored"] or "")


def tolerance_of(row: Row) -> str:
    """Return at which tolerance a verdict stands, such as `ε = 1 point`; empty if at any."""
    return "" if row["epsilon"] is None else f"ε = {in_points(row['epsilon'])}"


def summarize_claims(path: Path) -> str:
    """Return the summary's section of claims, a line a verdict; empty if there is none."""
    rows = read_table(path, set(SCHEMA.names)).to_pylist()
    titles = {
        False: "Claims of the paper",
        True: "Claims of the paper, asked of this study's own models: no verdicts on the paper",
    }
    sections = []
    for own, title in titles.items():
        found = [row for row in rows if row["own"] == own and row["verdict"] != "not run"]
        if found:
            cells = [[r["claim"], r["verdict"], _measured(r), r["statement"]] for r in found]
            lines = map(cut, format_table(cells, "<<<<", gap=3))
            sections.append("\n".join([title, *lines]))
    return "\n\n".join(sections)


def _measured(row: Row) -> str:
    interval = measured_of(row)
    if interval is None:
        return ""
    return ", ".join(filter(None, (interval.say(row["unit"]), tolerance_of(row))))
