"""The report's tables of essential sparsities: one row a curve, and how much hangs on ε."""

from collections.abc import Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

from essential_sparsity.estimators.certification import is_learnt
from essential_sparsity.estimators.words import certificate, in_percent, in_points
from essential_sparsity.metrics import METRICS
from essential_sparsity.report.results import place_columns
from essential_sparsity.report.spec import ReportSpec
from essential_sparsity.report.table import NONE, Cell, Column, Table, number

COLUMNS = {
    *("model", "task", "recipe", "family", "label", "metric", "epsilon", "confidence", "seeds"),
    *("examples", "dense_score", "dense_low", "dense_high", "constant", "resolved", "resolution"),
    *("estimate", "low", "high", "estimate_censored", "low_censored", "high_censored"),
    *("first_crossing", "last_crossing", "first_crossing_censored", "last_crossing_censored"),
    *("tolerance", "main", "certified", "certified_censored", "certification_level"),
    *("uncertified_because", "crossings_differ", "failed"),
}
SHAPE_COLUMNS = {"model", "task", "recipe", "family", "shape"}

Row = dict[str, Any]

_curve = itemgetter("model", "task", "recipe", "family")


def essential_table(
    curves: Mapping[str, Sequence[Row]], sharpness: Mapping[str, Sequence[Row]], spec: ReportSpec
) -> Table:
    """Return the table of all experiments' curves at the main tolerance.

    `curves` are experiment → rows of the table `essential`, `sharpness` those of `sharpness`.
    """
    main: list[Row] = []
    for experiment, found in curves.items():
        shapes = {_curve(row): row["shape"] for row in sharpness.get(experiment, ())}
        main += [
            {**row, "experiment": experiment, "shape": shapes.get(_curve(row))}
            for row in found
            if row["main"]
        ]
    epsilons = sorted({row["epsilon"] for row in main})
    several = len(epsilons) > 1
    level = f"{100 * main[0]['confidence']:g} %" if main else "95 %"
    tolerance = "The drop that counts as none"
    essential = "The largest sparsity whose drop is at most ε"
    certified = "The largest sparsity shown not to be worse by ε or more"
    turn = "Whether a hinge fits the curve better than a smooth one"
    columns = (
        *place_columns(spec),
        Column("ε, points", lambda row: _epsilon(row) if several else "", "number", tolerance),
        Column("Essential sparsity, %", _estimate, "number", essential),
        Column(f"{level} interval", _interval, "number"),
        Column("Certified, %", _certified, "number", certified),
        Column("Dense score", _dense, "number", f"Without pruning, with its {level} interval"),
        Column("Turn", lambda row: row["shape"] or NONE, hint=turn),
        Column("Seeds", lambda row: number(row["seeds"] or None, 0), "number"),
        Column("Examples", lambda row: number(row["examples"], 0), "number"),
        Column("Experiment", lambda row: row["experiment"]),
        Column("Notes", _remarks, "prose"),
    )
    caption = "Essential sparsity"
    if main:
        most = "ε" if several else f"{in_points(epsilons[0])} (ε)"
        caption += f": the largest that costs at most {most}"
    notes = _notes(main, any(sharpness.values()))
    return Table.of(caption, columns, main, notes).condensed("Experiment", "Masks")


def tolerance_table(curves: Mapping[str, Sequence[Row]], spec: ReportSpec) -> Table | None:
    """Return how far each curve goes at every tolerance; None if there is only one."""
    tolerances = dict.fromkeys(row["tolerance"] for rows in curves.values() for row in rows)
    if len(tolerances) < 2:
        return None
    found: dict[tuple[str, ...], Row] = {}
    for experiment, rows in curves.items():
        for row in rows:
            curve = (experiment, row["model"], row["task"], row["label"])
            at = found.setdefault(curve, {**row, "experiment": experiment})
            at[row["tolerance"]] = _estimate(row)

    def reach(tolerance: str, curve: Row) -> Cell:
        cell: Cell = curve.get(tolerance, NONE)
        return cell

    columns = (
        Column("Experiment", lambda row: row["experiment"]),
        *place_columns(spec),
        *(Column(tolerance, partial(reach, tolerance), "number") for tolerance in tolerances),
    )
    caption = "Essential sparsity, %, by the drop that counts as none (ε)"
    return Table.of(caption, columns, found.values()).condensed("Experiment", "Masks")


def _epsilon(curve: Row) -> Cell:
    return Cell(f"{curve['epsilon']:.3g}", key=curve["epsilon"])


def format_dense(curve: Row) -> str:
    """Return a curve's dense score as `72.1 ± 2.3 %`: with half of its interval, and its unit."""
    half = (curve["dense_high"] - curve["dense_low"]) / 2
    return f"{curve['dense_score']:.1f} ± {half:.1f} {METRICS[curve['metric']].unit}"


def _dense(curve: Row) -> Cell:
    return Cell(format_dense(curve), key=curve["dense_score"])


def _percent(curve: Row, name: str) -> str:
    return in_percent(curve[name], curve[f"{name}_censored"])


def _estimate(curve: Row) -> Cell:
    if not curve["resolved"]:
        return Cell("not resolved", key=curve["estimate"], mark="open")
    return Cell(_percent(curve, "estimate"), key=curve["estimate"])


def _interval(curve: Row) -> Cell:
    return Cell(f"[{_percent(curve, 'low')}, {_percent(curve, 'high')}]", key=curve["low"])


def _certified(curve: Row) -> Cell:
    value = curve["certified"]
    if value is None:
        return NONE
    return Cell(certificate(value, curve["certified_censored"]), key=value)


def _remarks(curve: Row) -> Cell:
    remarks = []
    if not curve["resolved"]:
        remarks.append(
            f"not resolved: noise of ± {curve['resolution']:.1f} points hides a drop of "
            f"{curve['epsilon']:.3g}"
        )
    if curve["crossings_differ"]:
        first, last = _percent(curve, "first_crossing"), _percent(curve, "last_crossing")
        remarks.append(f"raw curve crosses ε more than once, from {first} to {last} %")
    if not is_learnt(curve["dense_low"], curve["constant"]):
        remarks.append("not learnt: no better than a constant answer")
    elif reason := curve["uncertified_because"]:
        remarks.append(f"not certified: {reason}")
    if failed := curve["failed"]:
        remarks.append(f"diverged: {failed} of its runs, which count as a constant answer")
    return Cell("", notes=tuple(remarks), key=len(remarks) if remarks else "")


def _notes(curves: Sequence[Row], turns: bool) -> list[str]:
    notes = []
    ends = ("estimate_censored", "low_censored", "high_censored")
    if any(curve[end] for curve in curves for end in ends):
        notes.append(
            "“> 90” and “< 10”: the drop is still, or already, beyond ε at that end of the "
            "sparsities that were run."
        )
    if not all(curve["resolved"] for curve in curves):
        notes.append(
            "Not resolved: noise hides a drop of ε, and the interval is all that is known; more "
            "seeds or examples would tell. essential.parquet has the estimates."
        )
    if levels := {curve["certification_level"] for curve in curves}:
        shown = ", ".join(f"{100 * level:g} %" for level in sorted(levels))
        notes.append(
            f"Certified: one-sided tests, upwards from the smallest sparsity, at the {shown} level."
        )
    notes.append(
        "Intervals are of where the line through the tested sparsities crosses ε: between two of "
        "them a curve may turn elsewhere."
    )
    notes.append("±: half of the interval's width.")
    if turns:
        notes.append(
            "Turn: whether a curve with a bend fits better than a smooth one (by AICc), and not "
            "resolved where noise or few sparsities leave that open; sharpness.parquet says more."
        )
    if len(set(map(_curve, curves))) < len(curves):
        notes.append(
            "A curve of several experiments is estimated by each from the sparsities and seeds "
            "that it has. Choose which to cite before looking: a certificate's level is for one."
        )
    if not all(METRICS[curve["metric"]].in_percent for curve in curves):
        notes.append("Scores that are correlations are × 100, and their points hundredths.")
    return notes
