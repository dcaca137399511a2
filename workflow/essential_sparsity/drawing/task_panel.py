"""What every panel of performance drops on one task has: title, dense scores, ε, and floors."""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.offsetbox import AnchoredOffsetbox, HPacker, TextArea, VPacker
from matplotlib.ticker import MaxNLocator

from essential_sparsity.drawing import layout, style
from essential_sparsity.drawing.elements import Row, names_of
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.metrics import METRICS

PANEL_HEIGHT = {1: 1.95, 2: 1.75, 3: 1.5}  # inches, by how many stand side by side

STRIP_ROW = 0.115  # inches, of the strip above a panel

_SCORES_A_LINE = 4
_UNLEARNT = "†"
_NOT_LEARNT = f" ({_UNLEARNT}: not learnt)"


def models_of(rows: list[Row], spec: FigureSpec) -> dict[str, style.ModelStyle]:
    """Return the style of every model whose mean drops are among `rows`."""
    drawn = names_of((row for row in rows if row["element"] == "mean"), "model")
    models = style.model_styles(spec.models, drawn)
    return {name: models[name] for name in models if name in drawn}


class TaskPanel:
    """One task's panel, of the rows (see `elements.DRAWN`) that are its own."""

    def __init__(
        self,
        rows: list[Row],
        task: str,
        models: dict[str, style.ModelStyle],
        spec: FigureSpec,
        width: float,
    ) -> None:
        self._rows = [row for row in rows if row["task"] == task]
        self._models = models
        self._width = width
        self._dense = {row["model"]: row for row in self.of("dense")}
        self._unit = METRICS[self.of("dense")[0]["metric"]].unit
        self._title = spec.task_label(task)
        if len(models) == 1:
            (dense,) = self._dense.values()
            score = f"(dense {dense['score']:.1f} {self._unit}"
            score = score.replace(" ", "\N{NO-BREAK SPACE}")
            self._title += f" {score})" if dense["learnt"] else f" {score}, not\xa0learnt)"
        self._title = layout.wrap_text(self._title, width, style.TITLE_SIZE, "bold")
        lines = -(-len(self._dense) // _SCORES_A_LINE) if len(models) > 1 else 0
        self._scores_height = lines * style.TEXT_SIZE * layout.LINE_HEIGHT
        title_height = layout.text_height(self._title, style.TITLE_SIZE)
        self.title_height = title_height + self._scores_height

    def of(self, element: str) -> list[Row]:
        """Return the panel's rows of one element."""
        return [row for row in self._rows if row["element"] == element]

    def draw_title(self, axes: Axes) -> None:
        """Draw the task's name above `axes`, with the dense score of each model."""
        axes.set_title(self._title, fontweight="bold", loc="left", pad=3 + 72 * self._scores_height)
        if len(self._models) > 1:
            axes.add_artist(self._score_lines(axes))

    def _score_lines(self, axes: Axes) -> AnchoredOffsetbox:
        """Return the dense scores in their models' colours, to stand below the title."""

        def word(text: str, colour: str) -> TextArea:
            return TextArea(text, textprops={"color": colour, "size": style.TEXT_SIZE})

        words: list[Artist] = [
            word(_score(self._dense[model]), self._models[model].colour)
            for model in self._models
            if model in self._dense
        ]
        lines = [words[i : i + _SCORES_A_LINE] for i in range(0, len(words), _SCORES_A_LINE)]
        lines[0].insert(0, word("dense", style.INK))
        unlearnt = not all(row["learnt"] for row in self._dense.values())
        lines[-1].append(word(self._unit + (_NOT_LEARNT if unlearnt else ""), style.INK))
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

    def draw_floors(self, axes: Axes) -> None:
        """Draw what is left of the score without pre-training, and without any learning."""
        # Floors of several models lie close together: there they stand back behind the curves.
        alone = len(self._models) == 1
        weight, alpha = (style.LINE_WIDTH, 0.10) if alone else (style.THIN_WIDTH, 0.04)
        for row in self.of("constant"):
            colour = self._models[row["model"]].colour
            axes.axhline(row["drop"], color=colour, ls=style.FLOOR_LINE, lw=style.THIN_WIDTH,
                         label="constant")  # fmt: skip
        for row in self.of("control"):
            colour = self._models[row["control_of"]].colour
            if known(row["drop_low"], row["drop_high"]):
                axes.axhspan(row["drop_low"], row["drop_high"], color=colour, alpha=alpha, lw=0)
            axes.axhline(
                row["drop"], color=colour, ls=style.CONTROL_LINE, lw=weight, label="control"
            )

    def draw_epsilon(self, axes: Axes) -> None:
        """Draw the line at ε."""
        epsilon = self.of("epsilon")[0]["drop"]
        axes.axhline(epsilon, color=style.INK, lw=style.THIN_WIDTH, label="epsilon")
        axes.annotate(
            "ε", (1, epsilon), xycoords=axes.get_yaxis_transform(), xytext=(2, 0),
            textcoords="offset points", va="center", size=style.TEXT_SIZE,
        )  # fmt: skip

    def limit_drops(self, axes: Axes) -> None:
        """Let the axis of drops point down and hold all that is drawn."""
        shown = [0.0] + [
            row[key]
            for row in self._rows
            for key in ("drop", "drop_low", "drop_high")
            if known(row[key])
        ]
        room = 0.05 * (max(shown) - min(shown))
        axes.set_ylim(max(shown) + room, min(shown) - room)
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))


def _score(dense: Row) -> str:
    return f"{dense['score']:.1f}{'' if dense['learnt'] else _UNLEARNT}"


def known(*numbers: float | None) -> bool:
    """Tell whether all of `numbers` are there and finite."""
    return all(number is not None and np.isfinite(number) for number in numbers)
