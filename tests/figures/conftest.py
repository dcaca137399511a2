"""Tables as the statistics stages leave them, made from a model of how drops behave."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.figure import Figure

from essential_sparsity.drawing import style
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.figures.kinds import FIGURE_KINDS
from essential_sparsity.metrics import METRICS
from finished_runs import small_study, write_checkpoint, write_mask, write_run

__all__ = ["small_study", "write_checkpoint", "write_mask", "write_run"]

Tables = Mapping[str, pa.Table]


def drawing_of(kind: str) -> Callable[[Tables, FigureSpec], Figure]:
    """Return what draws a kind's tables as its stage does."""

    def draw(tables: Tables, spec: FigureSpec) -> Figure:
        drawing = import_module(FIGURE_KINDS[kind].drawing)
        with style.use_style():
            figure: Figure = drawing.draw(drawing.select(tables, spec), spec)
        return figure

    return draw


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    """Return the rows as a table, in which `pattern` is text even where no mask has one."""
    table = pa.Table.from_pylist(rows)
    index = table.column_names.index("pattern")
    return table.set_column(index, "pattern", table["pattern"].cast(pa.string()))


TASKS = ("topic", "pair", "mnli", "rte", "sst2", "qqp", "squad")
GRID = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.9)


def make_drop_tables(
    models: tuple[str, ...] = ("bert", "opt"),
    tasks: int = 3,
    seeds: int = 3,
    grid: tuple[float, ...] = GRID,
    curves: tuple[tuple[str, str], ...] = (("magnitude", "global"),),
    patterns: tuple[str, ...] = (),
    controls: bool = True,
    spread: bool = True,
    epsilon: float = 1.0,
    censored: Mapping[tuple[str, str], Mapping[str, Any]] | None = None,
    metrics: tuple[str, ...] = ("accuracy",),
) -> dict[str, pa.Table]:
    """Return `runs`, `drop` and `essential`.

    `curves` are criteria and scopes over the `grid`, `patterns` the N:M masks besides; `censored`
    replaces values of (model, task); the tasks' `metrics` come round again.
    """
    generator = np.random.default_rng(7)
    runs: list[dict[str, Any]] = []
    drops: list[dict[str, Any]] = []
    essentials: list[dict[str, Any]] = []
    for t, task in enumerate(TASKS[:tasks]):
        constant = (21.0, 50.0, 35.4, 52.7, 50.9, 63.2, 8.0)[t]
        metric = metrics[t % len(metrics)]
        floor = constant if METRICS[metric].constant else None
        for m, model in enumerate(models):
            dense = (72.3, 75.1, 84.6, 66.4, 92.1, 90.8, 88.4)[t] - 2.3 * m
            turn = 0.62 - 0.05 * m - 0.04 * (t % 3)
            names = {"model": model, "task": task, "recipe": "quick-1"}
            for c, (curve, points) in enumerate(_families(curves, grid, patterns)):
                curve_drops = []
                for s, pattern in points:
                    size = max(dense - constant, 5.0)
                    drop = size / (1 + np.exp(-(s - turn - 0.18 + 0.05 * c) / 0.055)) * (s > 0)
                    curve_drops.append(drop)
                    noise = generator.normal(0, 0.7, seeds) * (s > 0)
                    half = (0.6 + 1.4 * s) * (s > 0)
                    interval = {
                        "drop_low": drop - half if spread else None,
                        "drop_high": drop + half if spread else None,
                    }
                    of_mask = {"mask": f"s{s}", "sparsity": s, **curve, "pattern": pattern,
                               "control_of": None}  # fmt: skip
                    drops.append(
                        {**names, **of_mask, "score": dense - drop, "drop": drop, **interval,
                         "score_low": dense - drop - 1, "metric": metric, "constant": floor}
                    )  # fmt: skip
                    if s == 0 and c > 0:
                        continue
                    if s == 0:
                        of_mask.update(_DENSE)
                    runs += [
                        {**names, **of_mask, "seed": seed + 1, "score": dense - drop - noise[seed]}
                        for seed in range(seeds)
                    ]
                estimate = float(np.interp(epsilon, curve_drops, [s for s, _ in points]))
                essentials.append(
                    {**names, **curve, "epsilon": epsilon, "main": True, "confidence": 0.95,
                     "estimate": estimate, "low": estimate - 0.09, "high": estimate + 0.05,
                     "estimate_censored": "", "low_censored": "", "high_censored": "",
                     "resolved": True,
                     "certified": max((s for s, _ in points if s < estimate - 0.1), default=0.0),
                     "certified_censored": "", "certification_level": 0.95,
                     "metric": metric, "dense_score": dense, "dense_low": dense - 1,
                     "constant": floor, "grid": [s for s, _ in points],
                     **(censored or {}).get((model, task), {})}
                )  # fmt: skip
            if controls:
                control = {
                    **names, "model": f"{model}-random", "control_of": model, "mask": "dense",
                    **_DENSE, "pattern": None, "sparsity": 0.0,
                }  # fmt: skip
                drop = dense - constant - 1.5
                drops.append(
                    {**control, "score": constant + 1.5, "drop": drop, "drop_low": drop - 2,
                     "score_low": constant - 1, "drop_high": drop + 2, "metric": metric,
                     "constant": floor}
                )  # fmt: skip
                runs += [
                    {**control, "seed": seed + 1, "score": constant + 1.5} for seed in range(seeds)
                ]
    return {
        "runs": table_of(runs),
        "drop": table_of(drops),
        "essential": pa.Table.from_pylist(essentials),
    }


_DENSE = {"family": "dense", "label": "dense", "criterion": "dense", "scope": "global"}
_Points = list[tuple[float, str | None]]


def _families(
    curves: tuple[tuple[str, str], ...], grid: tuple[float, ...], patterns: tuple[str, ...]
) -> list[tuple[dict[str, str], _Points]]:
    """Return each family's columns, and its masks by (sparsity, pattern), dense first."""
    families: list[tuple[dict[str, str], _Points]] = [
        (_family(criterion, scope, scope), [(s, None) for s in grid]) for criterion, scope in curves
    ]
    sizes = dict.fromkeys(int(pattern.split(":")[1]) for pattern in patterns)
    for size in sizes:
        kept = [int(p.split(":")[0]) for p in patterns if p.endswith(f":{size}")]
        points: _Points = [(1 - n / size, f"{n}:{size}") for n in sorted(kept, reverse=True)]
        families.append((_family("magnitude", f"N:{size}", f"nof{size}"), [(0.0, None), *points]))
    return families


def _family(criterion: str, scope: str, place: str) -> dict[str, str]:
    return {
        "family": f"{criterion}-{place}", "label": f"{criterion}, {scope}",
        "criterion": criterion, "scope": scope,
    }  # fmt: skip


BERT = ("query", "key", "value", "attention_output", "feed_forward_in", "feed_forward_out")
LLAMA = (
    "query", "key", "value", "attention_output",
    "feed_forward_gate", "feed_forward_in", "feed_forward_out",
)  # fmt: skip


def make_placement_tables(
    models: Mapping[str, tuple[int, tuple[str, ...]]] | None = None,
    sparsities: tuple[float, ...] = (0.215, 0.5),
) -> dict[str, pa.Table]:
    """Return `placement`; `models` gives layers and modules of each."""
    generator = np.random.default_rng(3)
    rows: list[dict[str, Any]] = []
    for model, (layers, modules) in (models or {"bert": (12, BERT)}).items():
        for sparsity in sparsities:
            of_mask = []
            for layer in range(layers):
                for i, module in enumerate(modules):
                    part = "feed_forward" if module.startswith("feed") else "attention"
                    weights = 384 * 384 * (4 if part == "feed_forward" else 1)
                    rate = sparsity * (0.8 + 0.07 * i - 0.015 * layer * sparsity)
                    rate = float(np.clip(rate + generator.normal(0, 0.02), 0, 1))
                    of_mask.append(
                        {"model": model, "mask": f"magnitude-global-s{sparsity:.2f}",
                         **_family("magnitude", "global", "global"), "pattern": None,
                         "sparsity": sparsity,
                         "matrix": f"encoder.{layer}.{module}", "layer": layer, "module": module,
                         "part": part, "weights": weights, "removed": round(weights * rate)}
                    )  # fmt: skip
            removed = sum(row["removed"] for row in of_mask)
            weights = sum(row["weights"] for row in of_mask)
            rows += [
                {**row, "rate": row["removed"] / row["weights"],
                 "share": row["removed"] / removed if removed else 0.0,
                 "base_share": row["weights"] / weights}
                for row in of_mask
            ]  # fmt: skip
    return {"placement": table_of(rows)}


def make_positions_tables(
    models: Mapping[str, tuple[tuple[int, ...], tuple[str, ...]]] | None = None,
    sparsities: tuple[float, ...] = (0.215,),
    pattern: str | None = None,
    blocks: int = 6,
    dispersion: float | None = 1.25,
) -> dict[str, pa.Table]:
    """Return `positions` and `dispersion`; `models` gives layers and modules of each.

    Row dispersions are `dispersion` and a tenth more with each matrix, column dispersions a
    hundred times as large.
    """
    generator = np.random.default_rng(5)
    scope = f"N:{pattern.split(':')[1]}" if pattern else "global"
    blocked: list[dict[str, Any]] = []
    matrices: list[dict[str, Any]] = []
    for model, (layers, modules) in (models or {"bert": ((0, 6, 11), BERT)}).items():
        for sparsity in sparsities:
            places = [(layer, module) for layer in layers for module in modules]
            for number, (layer, module) in enumerate(places):
                rows = 96 if module == "feed_forward_in" else 24
                columns = 96 if module == "feed_forward_out" else 24
                place = {
                    "model": model, "mask": f"s{sparsity}",
                    **_family("magnitude", scope, scope), "pattern": pattern, "sparsity": sparsity,
                    "layer": layer, "module": module,
                }  # fmt: skip
                tall, wide = rows // blocks, columns // blocks
                spread = 0.0 if pattern else 0.3 * sparsity
                blocked += [
                    {**place, "row_start": row, "row_stop": row + tall, "column_start": column,
                     "column_stop": column + wide,
                     "rate": sparsity + spread * float(generator.uniform(-1, 1))}
                    for row in range(0, rows, tall)
                    for column in range(0, columns, wide)
                ]  # fmt: skip
                found = None if dispersion is None else dispersion + number / 10
                matrices.append(
                    {**place, "rows": rows, "columns": columns, "rate": sparsity,
                     "row_dispersion": found,
                     "column_dispersion": None if found is None else 100 * found}
                )  # fmt: skip
    return {"positions": table_of(blocked), "dispersion": table_of(matrices)}


@pytest.fixture
def drop_tables() -> Callable[..., dict[str, pa.Table]]:
    return make_drop_tables


@pytest.fixture
def placement_tables() -> Callable[..., dict[str, pa.Table]]:
    return make_placement_tables


@pytest.fixture
def positions_tables() -> Callable[..., dict[str, pa.Table]]:
    return make_positions_tables
