"""What figures of masks have in common: which masks they show, what they call them, colours."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from essential_sparsity.drawing import layout, style
from essential_sparsity.drawing.rows import Row
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.tables import columns

OF_MASK = ("model", "mask", "label", "scope", "pattern", "sparsity")
MASK_COLUMNS = [*columns(pa.string(), *OF_MASK[:-1]), pa.field("sparsity", pa.float64())]


def without_dense(table: pa.Table, name: str) -> pa.Table:
    """Return the rows of the table called `name` whose masks remove something."""
    rows = table.filter(pc.field("sparsity") > 0)
    if not rows.num_rows:
        raise UserError(f"{name}.parquet: no mask removes anything; there is nothing to draw")
    return rows


def mask_title(row: Row, spec: FigureSpec) -> str:
    """Return the model, the mask in words and its sparsity, which a row of a table states."""
    label = row["label"]
    if row["pattern"]:  # what the family `N:8` has in common is here one of its patterns
        label = label.replace(row["scope"], row["pattern"])
    return (
        f"{spec.model_label(row['model'])}, {label}, "
        f"{100 * row['sparsity']:g}\N{NO-BREAK SPACE}% removed"
    )


def module_label(module: str) -> str:
    """Return a module's public name as figures write it."""
    return module.replace("feed_forward", "feed-forward").replace("_", " ")


def rate_colours(low: float, high: float) -> Normalize:
    """Return the scale of colours from one rate to another, both in [0, 1]."""
    if high - low < 1e-3:  # all alike: a scale without width has no colours
        low, high = max(low - 5e-4, 0.0), high + 5e-4
    return Normalize(low, high)


def draw_scale(axes: Axes, mesh: ScalarMappable, label: str, extend: str = "neither") -> None:
    """Draw the colours' scale, of rates in percent, with arrows at the ends that
    `extend` names (as matplotlib does).
    """
    axes.figure.colorbar(mesh, cax=axes, extend=extend)
    axes.spines[:].set_visible(False)
    style.percent_axis(axes.yaxis, ticks=4)
    axes.set_ylabel(label, fontsize=style.TEXT_SIZE)


def ink_on(mesh: ScalarMappable, value: float) -> str:
    """Return the colour of text that is read on a cell of this value."""
    if np.isnan(value):
        return style.INK
    red, green, blue, _ = mesh.to_rgba(np.array([value]))[0]
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else style.BLACK


def shorten(labels: Iterable[str], width: float) -> tuple[dict[str, str], str]:
    """Return label → what is written, and what is said once of all masks or those of a criterion.

    Labels stay as they are if each fits into a line of `width` inches. One is a criterion, then
    what else says which mask it is, with commas between; what several share is said once.
    """
    names = list(dict.fromkeys(labels))
    if all(layout.text_width(name) <= width for name in names):
        return {name: name for name in names}, ""
    parts = {name: name.split(", ") for name in names}
    of_all = _shared(list(parts.values()))
    short, keys = {}, {"all masks": of_all}
    for name, (criterion, *rest) in parts.items():
        shared = _shared([other for other in parts.values() if other[0] == criterion])
        shared = [part for part in shared if part not in of_all]
        if shared:
            keys[criterion] = shared
        left = [part for part in rest if part not in of_all and part not in shared]
        short[name] = ", ".join([criterion, *left])
    words = "; ".join(f"{what}: {', '.join(said)}" for what, said in keys.items() if said)
    return short, f"{words[:1].upper()}{words[1:]}." if words else ""


def _shared(labels: list[list[str]]) -> list[str]:
    """Return the parts behind the criterion that all of several labels have, in their order."""
    if len(labels) < 2:
        return []
    return [part for part in labels[0][1:] if all(part in other[1:] for other in labels)]
