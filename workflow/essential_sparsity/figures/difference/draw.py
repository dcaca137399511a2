"""Draws by how much one kind of masks scores better than another, against sparsity (Figure 9).

A panel is a task. Zero, where both kinds score alike, is a line: a curve above it is that of masks
that are better than the baseline's at this sparsity.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from essential_sparsity.drawing import legends, style
from essential_sparsity.drawing.curves import Look, draw_curves
from essential_sparsity.drawing.elements import axis_words, check_metric
from essential_sparsity.drawing.rows import Row, Tables, grouped, names_of, pick, where
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.drawing.task_panel import TaskPanel, draw_panels, shown_range
from essential_sparsity.estimators.certification import is_learnt
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.tables import columns

_BASELINE = ("baseline", "baseline_label")  # the family that one is held against
# What tells one point of one curve from the others, and what it is held against.
_POINT = ("task", "model", "family", "label", *_BASELINE, "sparsity")
_DIFFERENCE = ("difference", "difference_low", "difference_high")
_SCORES = ("score", "baseline_score")
_DENSE = ("dense_low", "constant")

COLUMNS = {
    "runs": {"task", "model", "mask", "seed", "control_of", "metric", "score"},
    "difference": {*_POINT, "mask", "baseline_mask", *_DIFFERENCE, *_SCORES, "confidence", *_DENSE},
}

_NUMBER, _TEXT = pa.float64(), pa.string()

# What is drawn: an element a row. Sparsities are shares of the prunable weights.
DRAWN = pa.schema(
    [
        ("element", _TEXT),  # mean, seed or dense
        *columns(_TEXT, "task", "model"),
        *columns(_TEXT, "family", "label"),  # of masks: a curve, and in words
        *columns(_TEXT, *_BASELINE),
        ("seed", pa.int64()),
        *columns(_NUMBER, "sparsity", *_DIFFERENCE),
        ("metric", _TEXT),
        ("learnt", pa.bool_()),  # whether the dense model beats a constant answer
        *columns(_NUMBER, *_SCORES, "confidence"),
    ]
)


def select(tables: Tables, spec: FigureSpec) -> pa.Table:
    """Return what the figure shows, an element a row, with the columns of `DRAWN`."""
    del spec  # labels only, which are no data
    differences = sorted(tables["difference"].to_pylist(), key=lambda row: row["sparsity"])
    runs = where(tables["runs"].to_pylist(), control_of=None)
    shown = (*_POINT, *_DIFFERENCE, *_SCORES, "confidence")
    rows = [
        *({"element": "mean", **pick(row, *shown)} for row in differences),
        *_seed_rows(differences, runs),
        *_dense_rows(runs, differences),
    ]
    return pa.Table.from_pylist(rows, DRAWN)


def _seed_rows(differences: list[Row], runs: list[Row]) -> Iterator[Row]:
    """Yield the difference of every two runs of equal seed, if there are several seeds."""
    seeds = sorted(names_of(runs, "seed"))
    if len(seeds) < 2:
        return  # it would be the mean once more
    scores = {(r["task"], r["model"], r["mask"], r["seed"]): r["score"] for r in runs}
    for row in differences:
        for seed in seeds:
            masks = row["mask"], row["baseline_mask"]
            pair = [(row["task"], row["model"], mask, seed) for mask in masks]
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
            values = {"score": score, "baseline_score": baseline, "difference": score - baseline}
            yield {"element": "seed", **pick(row, *_POINT), "seed": seed, **values}


def _dense_rows(runs: list[Row], differences: list[Row]) -> Iterator[Row]:
    """Yield each model's dense score, the mean over seeds, and whether it has learnt."""
    for place, dense in grouped(where(runs, mask="dense"), "task", "model", "metric"):
        check_metric("runs.parquet", place["metric"])
        own = where(differences, task=place["task"], model=place["model"])
        learnt = all(is_learnt(row["dense_low"], row["constant"]) for row in own)
        score = sum(run["score"] for run in dense) / len(dense)
        yield {"element": "dense", **place, "score": score, "learnt": learnt}


def draw(data: pa.Table, spec: FigureSpec) -> Figure:
    """Draw a panel a task, a line a model and family; see the module for how to read it."""
    rows = data.to_pylist()
    look = Look.of(rows, spec)
    means = where(rows, element="mean")
    page = draw_panels(
        lambda task, width: _DifferencePanel(rows, task, look.models, spec, width, look),
        names_of(means, "task"),
        ("Sparsity (% of prunable weights)", axis_words(rows, "Difference in", "Score difference")),
    )
    page.top += 0.17
    legends.add_curves(page, look, spec)
    colour = style.common_style(look.styles.values()).colour
    level = legends.interval_words(rows[0]["confidence"])
    page.legend([legends.band_handle(level, colour), *legends.seed_handles(rows, colour)])
    page.note(_words(means, look))
    return page.finish()


@dataclass
class _DifferencePanel(TaskPanel):
    """One task's panel: zero, and every curve with its interval and seeds."""

    look: Look

    def draw(self, axes: Axes) -> None:
        """Draw the panel."""
        axes.set_label("differences")
        axes.axhline(0, color=style.INK, lw=style.THIN_WIDTH, label="zero")
        draw_curves(axes, self.rows, self.look, "difference")
        sparsities = [row["sparsity"] for row in self.of("mean")]
        room = 0.06 * (max(sparsities) - min(sparsities)) or 0.05
        axes.set_xlim(min(sparsities) - room, max(sparsities) + room)
        self._widen_lone_bands(axes, room / 4)
        low, high = shown_range([*self.of("mean"), *self.of("seed")], "difference")
        room = 0.06 * (high - low) or 1.0
        axes.set_ylim(low - room, high + room)
        axes.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
        style.percent_axis(axes.xaxis)

    def _widen_lone_bands(self, axes: Axes, half: float) -> None:
        """Draw the intervals of curves of a single point so wide that they are seen."""
        for _, curve in grouped(self.of("mean"), "model", "family"):
            if len(curve) == 1:
                (row,) = curve
                axes.fill_between(
                    [row["sparsity"] - half, row["sparsity"] + half],
                    row["difference_low"], row["difference_high"],
                    color=self.look.of_row(row).colour, alpha=style.BAND_ALPHA, lw=0,
                    label="lone band",
                )  # fmt: skip


def _words(means: list[Row], look: Look) -> str:
    """Return what is compared with what, and which side of zero is the better one."""
    baseline = means[0]["baseline_label"]
    if len(look.curves) == 1:
        words, better = f"“{look.curves[0][1]}” minus “{baseline}”:", "the former is better."
    else:
        words, better = f"Each minus “{baseline}” of the same sparsity:", "better than that."
    # Where the line has to break, it breaks before this.
    return f"{words} " + f"above 0, {better}".replace(" ", "\N{NO-BREAK SPACE}")
