"""Draws how similar masks are to each other (paper, Figure 10): a matrix a model and sparsity.

Masks of one sparsity are compared two by two: below the diagonal by the cosine of the keep masks,
as the paper does, and by the overlap of what they remove; above it by κ, which takes off what
random masks reach. Further down, the similarity of every family of masks with the first one against
the sparsity, over the chance level that the masks' own layers give.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from essential_sparsity.drawing import layout, style
from essential_sparsity.drawing.masks import shorten
from essential_sparsity.drawing.rows import Row, Tables, grouped, names_of, numbers, pick, where
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.figures.similarity.matrix import LABEL, Block, draw_key
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.tables import columns

_SIDES = ("a", "b")
_OF_MASK = ("mask", "family", "label", "criterion", "sparsity")
_OF_PAIR = (
    "cosine", "chance", "kappa", "chance_layers", "kappa_layers", "overlap", "overlap_chance",
)  # fmt: skip

COLUMNS = {
    "similarity": {
        *("model", "matrix", *_OF_PAIR),
        *(f"{key}_{side}" for key in _OF_MASK for side in _SIDES),
    }
}

_NUMBER, _TEXT = pa.float64(), pa.string()

# What is drawn: an element a row; sparsities and measures are shares of 1.
DRAWN = pa.schema(
    [
        ("element", _TEXT),  # pair (two cells of a matrix) or curve (a point)
        ("model", _TEXT),
        ("sparsity", _NUMBER),
        *columns(_TEXT, "mask_a", "family_a", "label_a"),
        ("null_a", pa.bool_()),
        *columns(_TEXT, "mask_b", "family_b", "label_b"),
        ("null_b", pa.bool_()),
        *columns(_NUMBER, *_OF_PAIR),
    ]
)

# Masks that know nothing of what a comparison is about: what they reach is no similarity.
_NULL_CRITERIA = {"noisy-magnitude", "random"}
# Masks belong together whose sparsities agree to a tenth of a point: a counted one is never round.
_DECIMALS = 3


def select(tables: Tables, spec: FigureSpec) -> pa.Table:
    """Return what the figure shows, an element a row, with the columns of `DRAWN`.

    A `pair` is two masks of one model and sparsity; masks that remove nothing are left out, and
    null models follow the others. A `curve` is the similarity of each family with the reference,
    which is the first family that is no null model, along the sparsity; only of models in which
    a family meets it at two sparsities or more.
    """
    table = tables["similarity"]
    rows = table.filter(pc.is_null(table["matrix"])).to_pylist()
    drawn: list[Row] = []
    for model, of_model in grouped(rows, "model"):
        # Masks in the study's order, a family's together, null models last.
        masks = [mask for mask in _masks(of_model) if mask["sparsity"] > 0]
        families = names_of(masks, "family")
        masks.sort(key=lambda mask: (mask["null"], families.index(mask["family"])))
        pairs = list(_pairs(of_model, masks))
        drawn += [{"element": "pair", **model, **pair} for pair in pairs]
        if masks and not masks[0]["null"]:
            curves = _curves(pairs, masks[0]["family"])
            drawn += [{"element": "curve", **model, **point} for point in curves]
    if not drawn:
        raise UserError(_nothing_to_compare(rows, spec))
    return pa.Table.from_pylist(drawn, DRAWN)


def _masks(rows: list[Row]) -> list[Row]:
    """Return a model's masks in the order of the study, each once."""
    masks: dict[str, Row] = {}
    for row in rows:
        for side in _SIDES:
            mask = {key: row[f"{key}_{side}"] for key in _OF_MASK}
            mask["sparsity"] = round(mask["sparsity"], _DECIMALS)
            mask["null"] = mask["criterion"] in _NULL_CRITERIA
            masks.setdefault(mask["mask"], mask)
    return list(masks.values())


def _pairs(rows: list[Row], masks: list[Row]) -> Iterator[Row]:
    """Yield the pairs of each sparsity that two of the masks have, by ascending sparsity."""
    measured = {frozenset((row["mask_a"], row["mask_b"])): row for row in rows}
    for sparsity in sorted(names_of(masks, "sparsity")):
        for pair in combinations(where(masks, sparsity=sparsity), 2):
            named = {
                f"{key}_{side}": mask[key]
                for side, mask in zip(_SIDES, pair, strict=True)
                for key in ("mask", "family", "label", "null")
            }
            row = measured[frozenset(mask["mask"] for mask in pair)]
            yield {"sparsity": sparsity, **named, **pick(row, *_OF_PAIR)}


def _curves(pairs: list[Row], reference: str) -> Iterator[Row]:
    """Yield the points of every family's curve, if there is more than one point of any."""
    points = [row for row in where(pairs, family_a=reference) if row["kappa_layers"] is not None]
    curves = [curve for _, curve in grouped(points, "family_b")]
    if any(len(curve) > 1 for curve in curves):
        for curve in curves:
            yield from curve


def _nothing_to_compare(rows: list[Row], spec: FigureSpec) -> str:
    """Return what is missing: which families there are, and at which sparsities."""
    families: dict[str, set[float]] = {}
    for _, of_model in grouped(rows, "model"):
        for mask in _masks(of_model):
            families.setdefault(mask["label"], set()).add(mask["sparsity"])
    there = "; ".join(
        f"'{label}' has {', '.join(f'{100 * s:g}' for s in sorted(sparsities))} %"
        for label, sparsities in families.items()
    )
    models = ", ".join(map(spec.model_label, names_of(rows, "model")))
    return (
        f"similarity.parquet: no two masks of {models} have one sparsity above 0 at which they "
        f"could be compared: {there}; add masks of another criterion, scope or seed at one of these"
    )


_CURVES_HEIGHT, _CURVES_FOOT = 1.35, 0.42


def draw(data: pa.Table, spec: FigureSpec) -> Figure:
    """Draw the matrices of every model, and the curves where sparsities make some."""
    rows = data.to_pylist()
    labels, key = shorten((row[f"label_{side}"] for row in rows for side in _SIDES), LABEL)
    for row in rows:
        row |= {f"label_{side}": labels[row[f"label_{side}"]] for side in _SIDES}
    curves = where(rows, element="curve")
    blocks = _fit(where(rows, element="pair"), spec)
    page = layout.Page(blocks[0].page_width, 0.02)
    for block in blocks:
        block.draw(page)
    nulls = any(row["null_a"] or row["null_b"] for row in rows)
    draw_key(page, bool(curves), nulls, key)
    if curves:
        page.top += 0.1
        _draw_curves(page, curves, spec)
    page.top += 0.06
    return page.finish()


def _fit(pairs: list[Row], spec: FigureSpec) -> list[Block]:
    """Return a block a model; a single matrix that fits into a column of print gets that width."""
    wide, narrow = (
        [Block(spec.model_label(m["model"]), own, width) for m, own in grouped(pairs, "model")]
        for width in (style.DOUBLE_WIDTH, style.SINGLE_WIDTH)
    )
    alone = len(narrow) == 1 and len(narrow[0].matrices) == 1
    return narrow if alone and narrow[0].is_roomy else wide


def _draw_curves(page: layout.Page, rows: list[Row], spec: FigureSpec) -> None:
    """Draw a panel of curves a model, and their legend."""
    looks = _looks(rows)
    models = list(grouped(rows, "model"))
    grid = layout.Grid.fit(len(models))
    width = grid.width
    if len(models) == 1:
        width = page.width - layout.MARGIN_LEFT - layout.MARGIN_RIGHT
    titles = [
        f"{spec.model_label(place['model'])}: similarity to {own[0]['label_a']}"
        for place, own in models
    ]
    titles = [layout.wrap_text(title, width, style.TITLE_SIZE) for title in titles]
    heads = [layout.text_height(title, style.TITLE_SIZE) + 0.05 for title in titles]
    panels = grid.place(page, heads, _CURVES_HEIGHT + _CURVES_FOOT)
    for (_, own), title, panel in zip(models, titles, panels, strict=True):
        axes = page.axes(panel.left, panel.top, width, _CURVES_HEIGHT)
        _draw_panel(axes, own, looks)
        axes.set_title(title, loc="left", pad=4)
        axes.set_xlabel("Sparsity (% of prunable weights)")
        if panel.leftmost:
            axes.set_ylabel("κ given layers (%)")
    page.top += 0.02
    labels = {row["family_b"]: row["label_b"] for row in rows}
    handles = [Line2D([], [], label=labels[family], **look) for family, look in looks.items()]
    page.legend(handles, gap=0)


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
        points = where(rows, family_b=family)
        axes.plot(
            numbers(points, "sparsity"), numbers(points, "kappa_layers"),
            clip_on=False, label=family, **look,
        )  # fmt: skip
    lowest = min(row["kappa_layers"] for row in rows)
    axes.set_ylim(min(lowest, 0) - 0.03, 1.03)
    axes.margins(x=0.06)
    style.percent_axis(axes.xaxis)
    style.percent_axis(axes.yaxis)
