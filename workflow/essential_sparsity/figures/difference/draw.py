"""Draws by how much one kind of masks scores better than another, against sparsity (Figure 9).

A panel is a task. Zero, where both kinds score alike, is a line: a curve above it is that of masks
that are better than the baseline's at this sparsity.
"""

from collections.abc import Iterable, Iterator

import pyarrow as pa
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from essential_sparsity.drawing import layout, legends, style
from essential_sparsity.drawing.curves import Look, draw_curve, look_of
from essential_sparsity.drawing.elements import Row, Tables, axis_words, names_of, pick
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.drawing.task_panel import PANEL_HEIGHT, TaskPanel, known
from essential_sparsity.estimators.certification import is_learnt
from essential_sparsity.metrics import METRICS
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.validation import unknown

# What tells one point of one curve from the others, and what it is held against.
_POINT = ("task", "model", "family", "label", "baseline", "baseline_label", "sparsity")
_VALUES = ("difference", "difference_low", "difference_high", "score", "baseline_score")
_DENSE = ("dense_low", "constant")

COLUMNS = {
    "runs": frozenset(["task", "model", "mask", "seed", "control_of", "metric", "score"]),
    "difference": frozenset([*_POINT, "mask", "baseline_mask", *_VALUES, "confidence", *_DENSE]),
}

_NUMBER, _TEXT = pa.float64(), pa.string()

# What is drawn: an element a row. Sparsities are shares of the prunable weights.
DRAWN = pa.schema(
    [
        ("element", _TEXT),  # mean, seed or dense
        ("task", _TEXT),
        ("model", _TEXT),
        ("family", _TEXT),  # of masks: a curve
        ("label", _TEXT),  # the family in words
        ("baseline", _TEXT),  # the family that it is held against
        ("baseline_label", _TEXT),
        ("seed", pa.int64()),
        ("sparsity", _NUMBER),
        ("difference", _NUMBER),
        ("difference_low", _NUMBER),
        ("difference_high", _NUMBER),
        ("metric", _TEXT),
        ("learnt", pa.bool_()),  # whether the dense model beats one answer to everything
        ("score", _NUMBER),
        ("baseline_score", _NUMBER),
        ("confidence", _NUMBER),
    ]
)


def select(tables: Tables, spec: FigureSpec) -> pa.Table:
    """Return what the figure shows, an element a row, with the columns of `DRAWN`.

    Raises:
        UserError: a run that a difference is made of is not among the runs.
    """
    del spec  # labels only, which are no data
    differences = sorted(tables["difference"].to_pylist(), key=lambda row: row["sparsity"])
    runs = [run for run in tables["runs"].to_pylist() if run["control_of"] is None]
    rows = [
        *({"element": "mean", **pick(row, *_POINT, *_VALUES, "confidence")} for row in differences),
        *_seed_rows(differences, runs),
        *_dense_rows(runs, differences),
    ]
    return pa.Table.from_pylist(rows, DRAWN)


def _seed_rows(differences: list[Row], runs: list[Row]) -> Iterator[Row]:
    """Yield the difference of every two runs of equal seed, if there are several seeds."""
    seeds = sorted({run["seed"] for run in runs})
    if len(seeds) < 2:
        return  # it would be the mean once more
    scores = {_run(run, run["mask"], run["seed"]): run["score"] for run in runs}
    for row in differences:
        for seed in seeds:
            pair = [_run(row, row[key], seed) for key in ("mask", "baseline_mask")]
            missing = [run for run in pair if run not in scores]
            if len(missing) == 1:
                raise UserError(
                    "runs.parquet: no run of {}, {}, {}, seed {} to pair another with".format(
                        *missing[0]
                    )
                )
            if missing:
                continue  # tasks may have seeds of their own
            score, baseline = (scores[run] for run in pair)
            yield {
                "element": "seed",
                **pick(row, *_POINT),
                "seed": seed,
                "score": score,
                "baseline_score": baseline,
                "difference": score - baseline,
            }


def _run(row: Row, mask: str, seed: int) -> tuple[str, str, str, int]:
    return row["task"], row["model"], mask, seed


def _dense_rows(runs: list[Row], differences: list[Row]) -> Iterable[Row]:
    """Yield each model's dense score, the mean over seeds, and whether it has learnt.

    Raises:
        UserError: the metric is not known.
    """
    scores: dict[tuple[str, str, str], list[float]] = {}
    for run in runs:
        if run["mask"] == "dense":
            scores.setdefault((run["task"], run["model"], run["metric"]), []).append(run["score"])
    for (task, model, metric), found in scores.items():
        if metric not in METRICS:
            raise UserError(unknown("runs.parquet", "metric", metric, METRICS, "metric"))
        score = sum(found) / len(found)
        learnt = all(
            is_learnt(row["dense_low"], row["constant"])
            for row in differences
            if (row["task"], row["model"]) == (task, model)
        )
        place = {"task": task, "model": model, "metric": metric}
        yield {"element": "dense", **place, "score": score, "learnt": learnt}


_NO_BREAK = "\N{NO-BREAK SPACE}"

_SHOWN = ("difference", "difference_low", "difference_high")


def draw(tables: Tables, spec: FigureSpec) -> Figure:
    """Draw a panel a task, a line a model and family; see the module for how to read it.

    Raises:
        UserError: see `select`.
    """
    with style.use_style():
        return _draw(select(tables, spec).to_pylist(), spec)


def _draw(rows: list[Row], spec: FigureSpec) -> Figure:
    look = look_of(rows, spec)
    means = [row for row in rows if row["element"] == "mean"]
    tasks = names_of(means, "task")
    width = layout.panel_width(len(tasks))
    panels = [_DifferencePanel(rows, task, look, spec, width) for task in tasks]
    height = PANEL_HEIGHT[layout.panel_columns(len(tasks))]
    heads = [0.08 + panel.title_height for panel in panels]
    grid = layout.panel_grid(heads, height=height, foot=0.30)
    page = layout.Page(grid.page_width)
    for panel, place in zip(panels, grid.panels, strict=True):
        axes = page.axes(place.left, place.top, place.width, place.height)
        panel.draw(axes)
        if place.leftmost:
            axes.set_ylabel(axis_words(rows, "Difference in", "Score difference"))
        if place.lowest:
            axes.set_xlabel("Sparsity (% of prunable weights)")
    bottom = grid.bottom + 0.17
    curves = legends.curve_handles(look, spec)
    bottom += page.legend(curves, bottom, legends.curve_title(look, spec)) + 0.06
    bottom += page.legend(_mark_handles(rows, look), bottom) + 0.06
    bottom += page.note(_words(means, look), bottom)
    return page.finish(bottom + 0.06)


class _DifferencePanel(TaskPanel):
    """One task's panel, of the rows (see `DRAWN`) that are its own."""

    def __init__(
        self, rows: list[Row], task: str, look: Look, spec: FigureSpec, width: float
    ) -> None:
        super().__init__(rows, task, look.models, spec, width)
        self._look = look

    def draw(self, axes: Axes) -> None:
        """Draw title, zero, and every curve with its interval and seeds."""
        axes.set_label("differences")
        self.draw_title(axes)
        axes.axhline(0, color=style.INK, lw=style.THIN_WIDTH, label="zero")
        means, seeds = self.of("mean"), self.of("seed")
        for curve in self._look.curves:
            for model in self._look.models:
                draw_curve(axes, means, seeds, model, curve, self._look, "difference")
        sparsities = [row["sparsity"] for row in means]
        room = 0.06 * (max(sparsities) - min(sparsities)) or 0.05
        axes.set_xlim(min(sparsities) - room, max(sparsities) + room)
        self._widen_lone_bands(axes, room / 4)
        self._limit(axes)
        style.percent_axis(axes.xaxis)

    def _widen_lone_bands(self, axes: Axes, half: float) -> None:
        """Draw the intervals of curves of a single point so wide that they are seen."""
        curves: dict[tuple[str, str], list[Row]] = {}
        for row in self.of("mean"):
            curves.setdefault((row["model"], row["family"]), []).append(row)
        for (row,) in (rows for rows in curves.values() if len(rows) == 1):
            axes.fill_between(
                [row["sparsity"] - half, row["sparsity"] + half],
                row["difference_low"], row["difference_high"],
                color=self._look.of(row).colour, alpha=style.BAND_ALPHA, lw=0,
                label="lone band",
            )  # fmt: skip

    def _limit(self, axes: Axes) -> None:
        """Let the axis hold zero and all that is drawn."""
        rows = [*self.of("mean"), *self.of("seed")]
        shown = [0.0, *(row[key] for row in rows for key in _SHOWN if known(row[key]))]
        room = 0.06 * (max(shown) - min(shown)) or 1.0
        axes.set_ylim(min(shown) - room, max(shown) + room)
        axes.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))


def _mark_handles(rows: list[Row], look: Look) -> list[Artist]:
    """Return the legend of the marks that the figure has."""
    colour = look.common_colour
    level = legends.interval_words(rows[0]["confidence"])
    band = Patch(color=colour, alpha=style.BAND_ALPHA, lw=0, label=level)
    return [band, *legends.seed_handles(rows, colour)]


def _words(means: list[Row], look: Look) -> str:
    """Return what is compared with what, and which side of zero is the better one."""
    baseline = means[0]["baseline_label"]
    if len(look.curves) == 1:
        words, better = f"“{look.curves[0][1]}” minus “{baseline}”:", "the former is better."
    else:
        words, better = f"Each minus “{baseline}” of the same sparsity:", "better than that."
    # Where the line has to break, it breaks before this.
    return f"{words} {f'above 0, {better}'.replace(' ', _NO_BREAK)}"
