"""What figures of masks have in common: which masks they show, their titles, their colours."""

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from essential_sparsity.drawing import style
from essential_sparsity.drawing.elements import Row
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.support.errors import UserError


def without_dense(table: pa.Table, name: str) -> pa.Table:
    """Return the rows of the table called `name` whose masks remove something.

    Raises:
        UserError: there are none.
    """
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
