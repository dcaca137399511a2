"""Pages of panels of scores, a task each: title, dense scores, ε, floors, and their grid."""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.offsetbox import AnchoredOffsetbox, HPacker, TextArea, VPacker
from matplotlib.ticker import MaxNLocator

from essential_sparsity.drawing import layout, style
from essential_sparsity.drawing.rows import Row, known, names_of, where
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.metrics import METRICS

STRIP_ROW = 0.115  # inches, of the strip above a panel

_HEIGHT = {1: 1.95, 2: 1.75, 3: 1.5}  # inches, by how many stand side by side
_SCORES_A_LINE = 4
_UNLEARNT = "†"
_NOT_LEARNT = f" ({_UNLEARNT}: not learnt)"


def models_of(rows: list[Row], spec: FigureSpec) -> style.Models:
    """Return the style of every model that is among `rows`."""
    drawn = names_of(rows, "model")
    models = style.model_styles(spec.models, drawn)
    return {name: models[name] for name in models if name in drawn}


@dataclass
class TaskPanel:
    """One task's panel, `width` inches wide, of the rows (see `elements.DRAWN`) that are its own.

    A kind of figure derives its own, with `draw`, and where it has a strip above the panel, with
    `strip_height` and `draw_strip`.
    """

    rows: list[Row]
    task: str
    models: style.Models
    spec: FigureSpec
    width: float

    def __post_init__(self) -> None:
        self.rows = where(self.rows, task=self.task)
        self._dense = {row["model"]: row for row in self.of("dense")}
        self._unit = METRICS[self.of("dense")[0]["metric"]].unit
        title = self.spec.task_label(self.task)
        if len(self.models) == 1:
            (dense,) = self._dense.values()
            score = f"(dense {dense['score']:.1f} {self._unit}"
            score = score.replace(" ", "\N{NO-BREAK SPACE}")
            title += f" {score})" if dense["learnt"] else f" {score}, not\xa0learnt)"
        self._title = layout.wrap_text(title, self.width, style.TITLE_SIZE, "bold")
        lines = -(-len(self._dense) // _SCORES_A_LINE) if len(self.models) > 1 else 0
        self._scores_height = lines * style.TEXT_SIZE * layout.LINE_HEIGHT

    @property
    def strip_height(self) -> float:
        """The height of the strip above the panel, in inches."""
        return 0.0

    @property
    def head(self) -> float:
        """The room above the panel, in inches."""
        title = layout.text_height(self._title, style.TITLE_SIZE)
        return 0.08 + (title + self._scores_height) + self.strip_height

    def of(self, element: str) -> list[Row]:
        """Return the panel's rows of one element."""
        return where(self.rows, element=element)

    def draw(self, axes: Axes) -> None:
        """Draw what the panel shows."""
        raise NotImplementedError

    def draw_strip(self, axes: Axes) -> None:
        """Draw what the strip shows, where there is one."""

    def draw_title(self, axes: Axes) -> None:
        """Draw the task's name above `axes`, with the dense score of each model."""
        axes.set_title(self._title, fontweight="bold", loc="left", pad=3 + 72 * self._scores_height)
        if len(self.models) > 1:
            axes.add_artist(self._score_lines(axes))

    def _score_lines(self, axes: Axes) -> AnchoredOffsetbox:
        """Return the dense scores in their models' colours, to stand below the title."""

        def word(text: str, colour: str) -> TextArea:
            return TextArea(text, textprops={"color": colour, "size": style.TEXT_SIZE})

        words: list[Artist] = [
            word(_score(self._dense[model]), look.colour)
            for model, look in self.models.items()
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
            bbox_to_anchor=(-0.2 * style.TEXT_SIZE / 72 / self.width, 1),
            bbox_transform=axes.transAxes,
        )

    def draw_floors(self, axes: Axes) -> None:
        """Draw what is left of the score without pre-training, and without any learning."""
        # Floors of several models lie close together: there they stand back behind the curves.
        alone = len(self.models) == 1
        weight, alpha = (style.LINE_WIDTH, 0.10) if alone else (style.THIN_WIDTH, 0.04)
        for row in self.of("constant"):
            colour = self.models[row["model"]].colour
            axes.axhline(row["drop"], color=colour, ls=style.FLOOR_LINE, lw=style.THIN_WIDTH,
                         label="constant")  # fmt: skip
        for row in self.of("control"):
            colour = self.models[row["control_of"]].colour
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
            textcoords="offset points", va="center",
        )  # fmt: skip

    def limit_drops(self, axes: Axes) -> None:
        """Let the axis of drops point down and hold all that is drawn."""
        low, high = shown_range(self.rows, "drop")
        room = 0.05 * (high - low)
        axes.set_ylim(high + room, low - room)
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))


def shown_range(rows: list[Row], value: str) -> tuple[float, float]:
    """Return the smallest and the largest of 0, the values and the ends of their intervals."""
    keys = (value, f"{value}_low", f"{value}_high")
    shown = [0.0, *(row[key] for row in rows for key in keys if known(row[key]))]
    return min(shown), max(shown)


def _score(dense: Row) -> str:
    return f"{dense['score']:.1f}{'' if dense['learnt'] else _UNLEARNT}"


def draw_panels(
    panel_of: Callable[[str, float], TaskPanel],
    tasks: list[str],
    words: tuple[str, str],
    foot: float = 0.30,
    least: float = 0.0,
) -> layout.Page:
    """Return a page with a panel a task; `panel_of` makes those of (task, width in inches).

    `words` are what the axes are called, the one across first; below each panel are `foot` inches,
    and it is at least `least` inches wide, if the page has them.
    """
    grid = layout.Grid.fit(len(tasks), least)
    page = layout.Page(grid.page_width)
    panels = [panel_of(task, grid.width) for task in tasks]
    height = _HEIGHT[grid.columns]
    places = grid.place(page, [panel.head for panel in panels], height + foot)
    for panel, place in zip(panels, places, strict=True):
        axes = titled = page.axes(place.left, place.top, grid.width, height)
        panel.draw(axes)
        if tall := panel.strip_height:
            titled = page.axes(place.left, place.top - tall, grid.width, tall)
            panel.draw_strip(titled)
        panel.draw_title(titled)
        if place.leftmost:
            axes.set_ylabel(words[1])
        if place.lowest:
            axes.set_xlabel(words[0])
    return page
