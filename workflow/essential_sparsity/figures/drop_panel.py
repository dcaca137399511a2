"""One task's panel of a figure of performance drops: the strip, the curves, and who looks how."""

from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.offsetbox import AnchoredOffsetbox, HPacker, TextArea, VPacker
from matplotlib.ticker import MaxNLocator

from essential_sparsity.figures import layout, style
from essential_sparsity.figures.drop_data import names_of
from essential_sparsity.figures.spec import FigureSpec
from essential_sparsity.figures.stage import Row

Curve = tuple[str, str]  # criterion, scope

_STRIP_ROW = 0.115
_SCORES_A_LINE = 4
SIDEWAYS = {"above": ">", "below": "<"}
_TICK_SIZE = {"|": 7.0, ">": 4.0, "<": 4.0}


@dataclass(frozen=True)
class Look:
    """Who looks how: a model by colour and marker, a curve of several by its line."""

    models: dict[str, style.ModelStyle]
    curves: list[Curve]
    lines: dict[tuple[str, Curve], style.LineStyle]


def look_of(rows: list[Row], spec: FigureSpec) -> Look:
    """Return the look of every model and curve that `rows` (see `drop_data.DRAWN`) have."""
    means = [row for row in rows if row["element"] == "mean"]
    curves = list(dict.fromkeys((row["criterion"], row["scope"]) for row in means))
    drawn = names_of(means, "model")
    models = style.model_styles(spec.models, drawn)
    lines = {
        # A line says the curve where there are several, and otherwise repeats the model.
        (name, curve): style.LINES[i % len(style.LINES)] if len(curves) > 1 else look.line
        for name, look in models.items()
        for i, curve in enumerate(curves)
    }
    return Look({name: models[name] for name in models if name in drawn}, curves, lines)


class Panel:
    """One task's panel: its title, its strip and its curves."""

    def __init__(
        self, rows: list[Row], task: str, look: Look, spec: FigureSpec, width: float
    ) -> None:
        self._rows = [row for row in rows if row["task"] == task]
        self._look = look
        self._width = width
        self._dense = {row["model"]: row["score"] for row in self._of("dense")}
        self._title = spec.task_label(task)
        if len(look.models) == 1:
            score = f"{next(iter(self._dense.values())):.1f}"
            self._title += f" (dense\N{NO-BREAK SPACE}{score}\N{NO-BREAK SPACE}%)"
        self._title = layout.wrap_text(self._title, width, style.TITLE_SIZE, "bold")
        lines = -(-len(self._dense) // _SCORES_A_LINE) if len(look.models) > 1 else 0
        self._scores_height = lines * style.TEXT_SIZE * layout.LINE_HEIGHT
        title_height = layout.text_height(self._title, style.TITLE_SIZE)
        self.title_height = title_height + self._scores_height
        self.strip_height = _STRIP_ROW * len(look.models) * len(look.curves)

    def _of(self, element: str) -> list[Row]:
        return [row for row in self._rows if row["element"] == element]

    def draw_strip(self, axes: Axes) -> None:
        """Draw title and dense scores, and a row a curve with its essential sparsity."""
        axes.set_facecolor(style.PALE)
        axes.spines[:].set_visible(False)
        axes.set(xticks=[], yticks=[], xlim=self._sparsity_limits(), label="strip")
        order = [(m, curve) for m in self._look.models for curve in self._look.curves]
        axes.set_ylim(len(order) - 0.5, -0.5)
        for row in self._of("essential"):
            curve = row["criterion"], row["scope"]
            _draw_interval(axes, order.index((row["model"], curve)), row, self._look)
        axes.set_title(self._title, fontweight="bold", loc="left", pad=3 + 72 * self._scores_height)
        if len(self._look.models) > 1:
            axes.add_artist(self._score_lines(axes))

    def _score_lines(self, axes: Axes) -> AnchoredOffsetbox:
        """Return the dense scores in their models' colours, to stand below the title."""

        def word(text: str, colour: str) -> TextArea:
            return TextArea(text, textprops={"color": colour, "size": style.TEXT_SIZE})

        words: list[Artist] = [
            word(f"{self._dense[model]:.1f}", self._look.models[model].colour)
            for model in self._look.models
            if model in self._dense
        ]
        lines = [words[i : i + _SCORES_A_LINE] for i in range(0, len(words), _SCORES_A_LINE)]
        lines[0].insert(0, word("dense", style.INK))
        lines[-1].append(word("%", style.INK))
        packed: list[Artist] = [HPacker(children=line, pad=0, sep=4) for line in lines]
        return AnchoredOffsetbox(
            loc="lower left",
            child=VPacker(children=packed, pad=0, sep=2),
            pad=0,
            borderpad=0.2,
            frameon=False,
            bbox_to_anchor=(-0.2 * style.TEXT_SIZE / 72 / self._width, 1),
            bbox_transform=axes.transAxes,
        )

    def draw_curves(self, axes: Axes) -> None:
        """Draw bands, lines, seeds, floors, and the line at ε with what crosses it."""
        axes.set_label("curves")
        axes.set_xlim(self._sparsity_limits())
        self._draw_floors(axes)
        self._draw_epsilon(axes)
        for curve in self._look.curves:
            for model, look in self._look.models.items():
                line = self._look.lines[model, curve]
                _draw_curve(axes, self._of("mean"), self._of("seed"), model, curve, look, line)
        axes.set_ylim(self._drop_limits())
        self._draw_crossings(axes)
        style.percent_axis(axes.xaxis)
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))

    def _draw_floors(self, axes: Axes) -> None:
        # Floors of several models lie close together: there they stand back behind the curves.
        alone = len(self._look.models) == 1
        weight, alpha = (style.LINE_WIDTH, 0.10) if alone else (style.THIN_WIDTH, 0.04)
        for row in self._of("majority"):
            colour = self._look.models[row["model"]].colour
            axes.axhline(row["drop"], color=colour, ls=style.FLOOR_LINE, lw=style.THIN_WIDTH,
                         label="majority")  # fmt: skip
        for row in self._of("control"):
            colour = self._look.models[row["control_of"]].colour
            if known(row["drop_low"], row["drop_high"]):
                axes.axhspan(row["drop_low"], row["drop_high"], color=colour, alpha=alpha, lw=0)
            axes.axhline(
                row["drop"], color=colour, ls=style.CONTROL_LINE, lw=weight, label="control"
            )

    def _draw_epsilon(self, axes: Axes) -> None:
        epsilon = self._of("epsilon")[0]["drop"]
        axes.axhline(epsilon, color=style.INK, lw=style.THIN_WIDTH, label="epsilon")
        axes.annotate(
            "ε", (1, epsilon), xycoords=axes.get_yaxis_transform(), xytext=(2, 0),
            textcoords="offset points", va="center", size=style.TEXT_SIZE,
        )  # fmt: skip

    def _draw_crossings(self, axes: Axes) -> None:
        """Mark where essential sparsities lie on the line at ε, and lead up to the strip."""
        top = axes.get_ylim()[1]
        for row in self._of("essential"):
            if not known(row["sparsity"]):
                continue
            colour = self._look.models[row["model"]].colour
            x, y = row["sparsity"], row["drop"]
            axes.plot([x, x], [top, y], color=colour, lw=style.THIN_WIDTH, label="lead")
            marker = SIDEWAYS.get(row["censored"], "|")
            axes.plot(
                [x], [y], color=colour, marker=marker, ms=_TICK_SIZE[marker], mew=style.LINE_WIDTH,
                mfc=colour if row["resolved"] else "white", label="crossing", zorder=4,
            )  # fmt: skip

    def _sparsity_limits(self) -> tuple[float, float]:
        last = max(row["sparsity"] for row in self._of("mean"))
        return -0.03 * last, 1.06 * last

    def _drop_limits(self) -> tuple[float, float]:
        """Return the axis's ends, the larger drop first: it points down."""
        shown = [0.0] + [
            row[key]
            for row in self._rows
            for key in ("drop", "drop_low", "drop_high")
            if known(row[key])
        ]
        room = 0.05 * (max(shown) - min(shown))
        return max(shown) + room, min(shown) - room


def known(*numbers: float | None) -> bool:
    """Tell whether all of `numbers` are there and finite."""
    return all(number is not None and np.isfinite(number) for number in numbers)


def _draw_curve(
    axes: Axes,
    means: list[Row],
    seeds: list[Row],
    model: str,
    curve: Curve,
    look: style.ModelStyle,
    line: style.LineStyle,
) -> None:
    """Draw one model's curve: the interval's band, each seed's points, and the mean."""

    def of_curve(rows: list[Row]) -> dict[str, list[float]]:
        own = [r for r in rows if (r["model"], (r["criterion"], r["scope"])) == (model, curve)]
        keys = ("sparsity", "drop", "drop_low", "drop_high")
        return {k: [np.nan if r[k] is None else r[k] for r in own] for k in keys}

    band, points = of_curve(means), of_curve(seeds)
    if not band["sparsity"]:
        return
    axes.fill_between(
        band["sparsity"], band["drop_low"], band["drop_high"],
        color=look.colour, alpha=0.16, lw=0, label="band",
    )  # fmt: skip
    axes.plot(
        points["sparsity"], points["drop"], ls="none", marker=look.marker, ms=2.2,
        mfc="none", mec=look.colour, mew=0.5, alpha=0.55, label="seed",
    )  # fmt: skip
    axes.plot(
        band["sparsity"], band["drop"], color=look.colour, ls=line, lw=style.LINE_WIDTH,
        marker=look.marker, ms=style.MARKER_SIZE, mec="white", mew=0.4, label="mean", zorder=3,
    )  # fmt: skip


def _draw_interval(axes: Axes, height: int, row: Row, look: Look) -> None:
    """Draw an essential sparsity and its interval at `height`; arrows point off the grid's end."""
    model = look.models[row["model"]]
    several = len(look.curves) > 1
    line = look.lines[row["model"], (row["criterion"], row["scope"])] if several else "solid"
    if known(row["sparsity_low"], row["sparsity_high"]):
        ends = [row["sparsity_low"], row["sparsity_high"]]
        axes.plot(ends, [height] * 2, color=model.colour, ls=line, lw=style.LINE_WIDTH,
                  label="interval")  # fmt: skip
        for x, censored in zip(ends, (row["low_censored"], row["high_censored"]), strict=True):
            axes.plot([x], [height], color=model.colour, marker=SIDEWAYS.get(censored, "|"),
                      ms=3.6, mew=0.9, label="end", clip_on=False)  # fmt: skip
    if known(row["sparsity"]):
        face = model.colour if row["resolved"] else "white"
        marker = SIDEWAYS.get(row["censored"], model.marker)
        axes.plot([row["sparsity"]], [height], color=model.colour, marker=marker, mfc=face,
                  ms=4.4, mew=0.8, label="estimate", clip_on=False, zorder=4)  # fmt: skip
