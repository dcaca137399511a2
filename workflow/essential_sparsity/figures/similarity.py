"""Draws how similar masks are to each other (paper, Figure 10): a matrix a model and sparsity.

Masks of one sparsity are compared two by two: below the diagonal by the cosine of the keep masks,
as the paper does, and by the overlap of what they remove; above it by κ, which takes off what
random masks reach. Further down, the
similarity of every family of masks with the first one against the sparsity, over the chance level
that the masks' own layers give.
"""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from essential_sparsity.figures import layout, style
from essential_sparsity.figures.mask_labels import MaskLabels
from essential_sparsity.figures.similarity_data import COLUMNS, select_similarity
from essential_sparsity.figures.similarity_matrix import (
    LABEL,
    Block,
    draw_key,
    matrices_of,
)
from essential_sparsity.figures.spec import FigureSpec
from essential_sparsity.figures.stage import Row, Tables, run_drawing
from essential_sparsity.support.errors import run_stage

STAGE = "essential_sparsity.figures.similarity"

_LABELS = ("label_a", "label_b")
_CURVES_HEIGHT = 1.35
_CURVES_FOOT = 0.42


def draw_similarity(tables: Tables, spec: FigureSpec) -> Figure:
    """Draw the matrices of every model, and the curves where sparsities make some.

    Raises:
        UserError: see `select_similarity`.
    """
    rows = select_similarity(tables, spec).to_pylist()
    labels = MaskLabels.fit((row[key] for row in rows for key in _LABELS), LABEL)
    rows = [{**row, **{key: labels.short[row[key]] for key in _LABELS}} for row in rows]
    pairs = [row for row in rows if row["element"] == "pair"]
    curves = [row for row in rows if row["element"] == "curve"]
    with style.use_style():
        blocks = _fit(pairs, spec)
        page = layout.Page(blocks[0].page_width)
        top = 0.02
        for block in blocks:
            top = block.draw(page, top)
        nulls = any(row["null_a"] or row["null_b"] for row in rows)
        top = draw_key(page, top, bool(curves), nulls, labels.key)
        if curves:
            top = _draw_curves(page, curves, spec, top + 0.1)
        return page.finish(top + 0.06)


def _fit(pairs: list[Row], spec: FigureSpec) -> list[Block]:
    """Return a block a model; a single matrix that fits into a column of print gets that width."""
    by_model = {
        model: [pair for pair in pairs if pair["model"] == model]
        for model in dict.fromkeys(pair["model"] for pair in pairs)
    }
    wide, narrow = (
        [Block(spec.model_label(m), matrices_of(of_m), width) for m, of_m in by_model.items()]
        for width in (style.DOUBLE_WIDTH, style.SINGLE_WIDTH)
    )
    alone = len(narrow) == 1 and len(narrow[0].matrices) == 1
    return narrow if alone and narrow[0].is_roomy else wide


def _draw_curves(page: layout.Page, rows: list[Row], spec: FigureSpec, top: float) -> float:
    """Draw a panel of curves a model from `top` on, and their legend; return where it ends."""
    models = list(dict.fromkeys(row["model"] for row in rows))
    looks = _looks(rows)
    width = layout.panel_width(len(models))
    if len(models) == 1:
        width = page.width - layout.MARGIN_LEFT - layout.MARGIN_RIGHT
    titles = [
        layout.wrap_text(_title(model, rows, spec), width, style.TITLE_SIZE) for model in models
    ]
    heads = [layout.text_height(title, style.TITLE_SIZE) + 0.05 for title in titles]
    grid = layout.panel_grid(heads, _CURVES_HEIGHT, _CURVES_FOOT)
    for model, title, panel in zip(models, titles, grid.panels, strict=True):
        axes = page.axes(panel.left, top + panel.top, width, panel.height)
        _draw_panel(axes, [row for row in rows if row["model"] == model], looks)
        axes.set_title(title, loc="left", pad=4)
        axes.set_xlabel("Sparsity (% of prunable weights)")
        if panel.leftmost:
            axes.set_ylabel("κ given layers (%)")
    top += grid.bottom + 0.02
    labels = {row["family_b"]: row["label_b"] for row in rows}
    handles = [Line2D([], [], label=labels[family], **look) for family, look in looks.items()]
    return top + page.legend(handles, top)


def _title(model: str, rows: list[Row], spec: FigureSpec) -> str:
    reference = next(row["label_a"] for row in rows if row["model"] == model)
    return f"{spec.model_label(model)}: similarity to {reference}"


def _looks(rows: list[Row]) -> dict[str, dict[str, Any]]:
    """Return family → how its line looks; null models are grey and dashed, and come last."""
    nulls = {row["family_b"]: row["null_b"] for row in rows}
    looks: dict[str, dict[str, Any]] = {}
    for is_null in (False, True):
        families = [family for family, found in nulls.items() if found == is_null]
        for place, family in enumerate(families):
            looks[family] = {
                "color": style.GREY if is_null else style.PALETTE[place % len(style.PALETTE)],
                "ls": style.CONTROL_LINE if is_null else "solid",
                "lw": style.LINE_WIDTH,
                # From the other end, so that grey prints tell them from the others.
                "marker": style.MARKERS[(-1 - place if is_null else place) % len(style.MARKERS)],
                "ms": style.MARKER_SIZE,
            }
    return looks


def _draw_panel(axes: Axes, rows: list[Row], looks: dict[str, dict[str, Any]]) -> None:
    """Draw one model's curves, and the level of chance."""
    axes.axhline(0, color=style.INK, lw=style.THIN_WIDTH, ls=style.FLOOR_LINE)
    for family, look in looks.items():
        points = [row for row in rows if row["family_b"] == family]
        axes.plot(
            [row["sparsity"] for row in points], [row["kappa_layers"] for row in points],
            clip_on=False, label=family, **look,
        )  # fmt: skip
    lowest = min(row["kappa_layers"] for row in rows)
    axes.set_ylim(min(lowest, 0) - 0.03, 1.03)
    axes.margins(x=0.06)
    style.percent_axis(axes.xaxis)
    style.percent_axis(axes.yaxis)


def main() -> None:
    """Run the stage from the command line."""
    run_drawing(STAGE, COLUMNS, select_similarity, draw_similarity)


if __name__ == "__main__":
    run_stage(main)
