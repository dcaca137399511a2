"""Draws how similar masks are to each other (paper, Figure 10): a matrix a model and sparsity.

Masks of one sparsity are compared two by two: below the diagonal by the cosine of the keep masks,
as the paper does, and by the overlap of what they remove; above it by κ, which takes off what
random masks reach. Further down, the
similarity of every family of masks with the first one against the sparsity, over the chance level
that the masks' own layers give.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from essential_sparsity.drawing import layout, style
from essential_sparsity.drawing.elements import Row, Tables
from essential_sparsity.drawing.mask_labels import MaskLabels
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.figures.similarity.matrix import (
    LABEL,
    Block,
    draw_key,
    matrices_of,
)
from essential_sparsity.support.errors import UserError

_SIDES = ("a", "b")
_OF_MASK = ("mask", "family", "label", "criterion", "sparsity")
_OF_PAIR = (
    "cosine", "chance", "kappa", "chance_layers", "kappa_layers", "overlap", "overlap_chance",
)  # fmt: skip

COLUMNS = {
    "similarity": frozenset(
        ["model", "matrix", *(f"{key}_{side}" for key in _OF_MASK for side in _SIDES), *_OF_PAIR]
    )
}

_NUMBER, _TEXT, _FLAG = pa.float64(), pa.string(), pa.bool_()

# What is drawn: an element a row; sparsities and measures are shares of 1.
DRAWN = pa.schema(
    [
        ("element", _TEXT),  # pair (two cells of a matrix) or curve (a point)
        ("model", _TEXT),
        ("sparsity", _NUMBER),
        *(
            (f"{key}_{side}", kind)
            for side in _SIDES
            for key, kind in (("mask", _TEXT), ("family", _TEXT), ("label", _TEXT), ("null", _FLAG))
        ),
        *((name, _NUMBER) for name in _OF_PAIR),
    ]
)

# Masks that know nothing of what a comparison is about: what they reach is no similarity.
_NULL_CRITERIA = frozenset(["noisy-magnitude", "random"])
# Masks belong together whose sparsities agree to a tenth of a point: a counted one is never round.
_DECIMALS = 3


@dataclass(frozen=True)
class _Side:
    """One mask of a pair."""

    mask: str
    family: str
    label: str
    sparsity: float
    is_null: bool

    @classmethod
    def of(cls, row: Row, side: str) -> "_Side":
        return cls(
            mask=row[f"mask_{side}"],
            family=row[f"family_{side}"],
            label=row[f"label_{side}"],
            sparsity=round(row[f"sparsity_{side}"], _DECIMALS),
            is_null=row[f"criterion_{side}"] in _NULL_CRITERIA,
        )

    def columns(self, side: str) -> Row:
        return {
            f"mask_{side}": self.mask,
            f"family_{side}": self.family,
            f"label_{side}": self.label,
            f"null_{side}": self.is_null,
        }


def select(tables: Tables, spec: FigureSpec) -> pa.Table:
    """Return what the figure shows, an element a row, with the columns of `DRAWN`.

    A `pair` is two masks of one model and sparsity; masks that remove nothing are left out, and
    null models follow the others. A `curve` is the similarity of each family with the reference,
    which is the first family that is no null model, along the sparsity; only of models in which
    a family meets it at two sparsities or more.

    Raises:
        UserError: no two masks of a model have one sparsity.
    """
    table = tables["similarity"]
    rows = table.filter(pc.is_null(table["matrix"])).to_pylist()
    drawn: list[Row] = []
    for model in dict.fromkeys(row["model"] for row in rows):
        of_model = [row for row in rows if row["model"] == model]
        # Masks in the study's order, a family's together, null models last.
        masks = [mask for mask in _sides(of_model) if mask.sparsity > 0]
        families = list(dict.fromkeys(mask.family for mask in masks))
        masks.sort(key=lambda mask: (mask.is_null, families.index(mask.family)))
        pairs = list(_pairs(of_model, masks))
        drawn += [{"element": "pair", "model": model, **pair} for pair in pairs]
        if masks and not masks[0].is_null:
            curves = _curves(pairs, masks[0].family)
            drawn += [{"element": "curve", "model": model, **point} for point in curves]
    if not drawn:
        raise UserError(_nothing_to_compare(rows, spec))
    return pa.Table.from_pylist(drawn, DRAWN)


def _sides(rows: list[Row]) -> list[_Side]:
    """Return the masks in the order of the study, each once."""
    return list(dict.fromkeys(_Side.of(row, side) for row in rows for side in _SIDES))


def _pairs(rows: list[Row], masks: list[_Side]) -> Iterator[Row]:
    """Yield the pairs of each sparsity that two of the masks have, by ascending sparsity."""
    measured = {frozenset((row["mask_a"], row["mask_b"])): row for row in rows}
    for sparsity in sorted({mask.sparsity for mask in masks}):
        group = [mask for mask in masks if mask.sparsity == sparsity]
        for a, b in combinations(group, 2):
            row = measured[frozenset((a.mask, b.mask))]
            values = {key: row[key] for key in _OF_PAIR}
            yield {"sparsity": sparsity, **a.columns("a"), **b.columns("b"), **values}


def _curves(pairs: list[Row], reference: str) -> Iterator[Row]:
    """Yield the points of every family's curve, if there is more than one point of any."""
    curves: dict[str, list[Row]] = {}
    for pair in pairs:
        if pair["family_a"] == reference and pair["kappa_layers"] is not None:
            curves.setdefault(pair["family_b"], []).append(pair)
    if any(len(points) > 1 for points in curves.values()):
        for points in curves.values():
            yield from points


def _nothing_to_compare(rows: list[Row], spec: FigureSpec) -> str:
    """Return what is missing: which families there are, and at which sparsities."""
    families: dict[str, set[float]] = {}
    for mask in _sides(rows):
        families.setdefault(mask.label, set()).add(mask.sparsity)
    there = "; ".join(
        f"'{label}' has {', '.join(f'{100 * s:g}' for s in sorted(sparsities))} %"
        for label, sparsities in families.items()
    )
    models = ", ".join(dict.fromkeys(spec.model_label(row["model"]) for row in rows))
    return (
        f"similarity.parquet: no two masks of {models} have one sparsity above 0 at which they "
        f"could be compared: {there}; add masks of another criterion, scope or seed at one of these"
    )


_LABELS = ("label_a", "label_b")
_CURVES_HEIGHT = 1.35
_CURVES_FOOT = 0.42


def draw(tables: Tables, spec: FigureSpec) -> Figure:
    """Draw the matrices of every model, and the curves where sparsities make some.

    Raises:
        UserError: see `select`.
    """
    rows = select(tables, spec).to_pylist()
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
