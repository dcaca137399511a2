"""What a figure of mask similarity shows: pairs of masks of one sparsity, and curves along it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import pyarrow as pa
import pyarrow.compute as pc

from essential_sparsity.figures.spec import FigureSpec
from essential_sparsity.figures.stage import Row, Tables
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


def select_similarity(tables: Tables, spec: FigureSpec) -> pa.Table:
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
