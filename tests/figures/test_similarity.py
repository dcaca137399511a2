from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from essential_sparsity.drawing import style
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.figures.kinds import FIGURE_KINDS
from essential_sparsity.figures.similarity.draw import COLUMNS, DRAWN
from essential_sparsity.figures.similarity.draw import select as select_similarity
from essential_sparsity.figures.similarity.matrix import format_share
from essential_sparsity.similarity.measurement import SCHEMA
from essential_sparsity.support.errors import UserError

from .conftest import drawing_of
from .overlap import drawn_texts, overlaps

draw_similarity = drawing_of("similarity")

SPEC = FigureSpec(models={"bert": "BERT-base", "vit": "ViT-B"})

# family, label, criterion
GLOBAL = ("magnitude-global", "magnitude, global", "magnitude")
LAYER = ("magnitude-layer", "magnitude, layer", "magnitude")
ROW = ("magnitude-row", "magnitude, row", "magnitude")
PATTERN = ("magnitude-nof4", "magnitude, N:4", "magnitude")
IMPORTED = ("imported-lottery", "imported, lottery", "imported")
NOISY = ("noisy-magnitude-global-noise0.05-seed0", "noisy magnitude, global, 5 % noise, seed 0",
         "noisy-magnitude")  # fmt: skip
RANDOM = ("random-global-seed0", "random, global, seed 0", "random")
MATCHED = ("random-matched-magnitude-global-seed1", "random, matched magnitude-global, seed 1",
           "random")  # fmt: skip
Mask = tuple[tuple[str, str, str], float]


def ticket(task: str, seed: int) -> tuple[str, str, str]:
    name = f"ticket, global, of {task}, seed {seed}, steps of 30 %"
    return f"ticket-{task}-{seed}", name, "ticket"


def grid(families: list[tuple[str, str, str]], sparsities: tuple[float, ...]) -> list[Mask]:
    return [(family, sparsity) for family in families for sparsity in sparsities]


def make_tables(
    masks: list[Mask], models: tuple[str, ...] = ("bert",), **changes: Any
) -> dict[str, pa.Table]:
    """Return `similarity`: all pairs, with measures that tell pairs apart, and a matrix each."""
    rows: list[dict[str, Any]] = []
    for model in models:
        for number, (a, b) in enumerate(combinations(masks, 2)):
            row: dict[str, Any] = {"model": model, "matrix": None, "weights": 1000}
            for side, ((family, label, criterion), sparsity) in (("a", a), ("b", b)):
                row |= {f"mask_{side}": f"{family}-s{sparsity}", f"family_{side}": family,
                        f"label_{side}": label, f"criterion_{side}": criterion,
                        f"sparsity_{side}": sparsity}  # fmt: skip
            chance = ((1 - a[1]) * (1 - b[1])) ** 0.5
            kappa = 0.97 - 0.001 * number - 0.01 * (model == "vit")
            row |= {"chance": chance, "kappa": kappa, "cosine": chance + kappa * (1 - chance),
                    "overlap": a[1] + kappa * (1 - a[1]), "overlap_chance": a[1],
                    "chance_layers": chance + 0.01, "kappa_layers": kappa - 0.02,
                    **changes}  # fmt: skip
            rows += [row, {**row, "matrix": "q", "cosine": 0.123, "kappa": 0.123}]
    return {"similarity": pa.Table.from_pylist(rows, SCHEMA)}


def words(figure: Figure) -> list[str]:
    texts = [text.replace("\N{NO-BREAK SPACE}", " ") for text, _ in drawn_texts(figure)]
    return [text.replace("\n", " ") for text in texts]


def meshes(figure: Figure) -> list[tuple[Axes, QuadMesh]]:
    return [(a, c) for a in figure.axes for c in a.collections if c.get_label() == "similarity"]


def texts_at(axes: Axes) -> dict[tuple[float, float], str]:
    """Return (row, column) → the text there."""
    return {(t.get_position()[1], t.get_position()[0]): t.get_text() for t in axes.texts}


def rows_of(table: pa.Table, **values: Any) -> list[dict[str, Any]]:
    return [row for row in table.to_pylist() if values.items() <= row.items()]


def test_the_registry_names_this_stage_and_its_tables() -> None:
    kind = FIGURE_KINDS["similarity"]
    assert (kind.drawing, set(kind.tables)) == (select_similarity.__module__, set(COLUMNS))
    assert COLUMNS["similarity"] <= set(SCHEMA.names)


def test_cosines_lie_below_the_diagonal_and_kappas_above_it() -> None:
    tables = make_tables(grid([GLOBAL, LAYER, ROW], (0.5,)))
    figure, data = draw_similarity(tables, SPEC), select_similarity(tables, SPEC)
    assert data.schema == DRAWN
    [(axes, mesh)] = meshes(figure)
    values = np.ma.filled(mesh.get_array(), np.nan)
    order = [GLOBAL[0], LAYER[0], ROW[0]]
    assert np.isnan(np.diagonal(values)).all()
    pairs = rows_of(data, element="pair")
    assert len(pairs) == 3
    shown = texts_at(axes)
    for pair in pairs:
        a, b = order.index(pair["family_a"]), order.index(pair["family_b"])
        assert (values[b, a], values[a, b]) == (pair["cosine"], pair["kappa"])
        above, below = sorted(y for y, x in shown if x == a and b - 0.5 < y < b + 0.5)
        assert shown[above, a] == f"{100 * pair['cosine']:.1f}"
        assert shown[below, a] == f"{100 * pair['overlap']:.1f}"
        assert shown[a, b] == f"{100 * pair['kappa']:.1f}"
    assert [shown[i, i] for i in range(3)] == ["1", "2", "3"]


def test_a_colour_means_one_number_in_the_whole_figure() -> None:
    tables = make_tables(grid([GLOBAL, LAYER], (0.1, 0.5)), ("bert", "vit"))
    found = meshes(draw_similarity(tables, SPEC))
    assert len(found) == 4
    assert {(mesh.norm.vmin, mesh.norm.vmax) for _, mesh in found} == {(0, 1)}


def test_masks_meet_at_their_sparsity_and_patterns_belong_to_theirs() -> None:
    masks = [*grid([GLOBAL, LAYER], (0.0, 0.25, 0.5)), (PATTERN, 0.5), (IMPORTED, 0.50004)]
    data = select_similarity(make_tables(masks), SPEC)
    pairs = {
        (row["sparsity"], row["family_a"], row["family_b"]) for row in rows_of(data, element="pair")
    }
    of_half = combinations([GLOBAL[0], LAYER[0], PATTERN[0], IMPORTED[0]], 2)
    assert pairs == {(0.25, GLOBAL[0], LAYER[0]), *((0.5, a, b) for a, b in of_half)}


def test_null_models_come_last_and_are_marked() -> None:
    tables = make_tables(grid([NOISY, GLOBAL, MATCHED, LAYER], (0.5,)))
    data = select_similarity(tables, SPEC)
    nulls = {row[f"family_{s}"]: row[f"null_{s}"] for row in data.to_pylist() for s in "ab"}
    assert nulls == {GLOBAL[0]: False, LAYER[0]: False, NOISY[0]: True, MATCHED[0]: True}
    figure = draw_similarity(tables, SPEC)
    [(axes, _)] = meshes(figure)
    names = [t for t in axes.texts if "," in t.get_text()]
    assert [t.get_text().split()[0] for t in names] == [
        "magnitude,",
        "magnitude,",
        "noisy",
        "random,",
    ]
    assert [t.get_style() for t in names] == ["normal", "normal", "italic", "italic"]
    assert [t.get_color() for t in names] == [style.INK] * 2 + [style.GREY] * 2
    found = words(figure)
    assert "null" in found
    assert any(text.endswith("Grey: null models.") for text in found)
    plain = words(draw_similarity(make_tables(grid([GLOBAL, LAYER], (0.5,))), SPEC))
    assert not any("null" in text for text in plain)


def test_the_chance_level_is_on_the_figure() -> None:
    tables = make_tables([*grid([GLOBAL, LAYER], (0.1, 0.3)), (IMPORTED, 0.3004)])
    found = words(draw_similarity(tables, SPEC))
    assert {"BERT-base", "10 % removed", "chance cosine 90.0", "30 % removed"} <= set(found)
    assert {"chance cosine 70.0"} <= set(found)
    tables = make_tables([*grid([GLOBAL, LAYER], (0.3,)), (IMPORTED, 0.3015)])
    tables["similarity"] = tables["similarity"].set_column(
        tables["similarity"].column_names.index("sparsity_b"), "sparsity_b", pa.array([0.3] * 6)
    )
    assert "chance cosine 69.9–70.0" in words(draw_similarity(tables, SPEC))


def test_curves_are_similarities_with_the_first_family_that_is_no_null_model() -> None:
    masks = grid([NOISY, GLOBAL, LAYER], (0.1, 0.3, 0.5))
    tables = make_tables(masks)
    figure, data = draw_similarity(tables, SPEC), select_similarity(tables, SPEC)
    points = rows_of(data, element="curve")
    assert {row["family_a"] for row in points} == {GLOBAL[0]}
    (axes,) = [a for a in figure.axes if a.get_title(loc="left")]
    assert axes.get_title(loc="left") == "BERT-base: similarity to magnitude, global"
    for family in (LAYER[0], NOISY[0]):
        (line,) = [line for line in axes.lines if line.get_label() == family]
        of_family = [row for row in points if row["family_b"] == family]
        assert list(line.get_xdata()) == [row["sparsity"] for row in of_family] == [0.1, 0.3, 0.5]
        assert list(line.get_ydata()) == [row["kappa_layers"] for row in of_family]
        assert (line.get_color() == style.GREY) == (family == NOISY[0])


def test_one_sparsity_makes_no_curves() -> None:
    data = select_similarity(make_tables(grid([GLOBAL, LAYER], (0.5,))), SPEC)
    assert set(data["element"].to_pylist()) == {"pair"}


def test_a_mask_that_a_sparsity_lacks_leaves_its_cells_blank() -> None:
    masks = [*grid([GLOBAL, LAYER], (0.1, 0.5)), (PATTERN, 0.5)]
    figure = draw_similarity(make_tables(masks), SPEC)
    (small, mesh), (_, whole) = meshes(figure)
    assert np.isnan(np.ma.filled(mesh.get_array(), np.nan)).sum() == 7
    assert np.isnan(np.ma.filled(whole.get_array(), np.nan)).sum() == 3
    assert (2, 2) not in texts_at(small)
    assert overlaps(figure) == []


def test_what_is_not_defined_is_a_dash() -> None:
    figure = draw_similarity(make_tables(grid([GLOBAL, LAYER], (0.5,)), kappa=None), SPEC)
    [(axes, _)] = meshes(figure)
    assert texts_at(axes)[0, 1] == "–"


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.98765, "98.8"), (1.0, "100"), (0.0, "0.0"), (-0.0001, "0.0"), (-0.0312, "−3.1")],
)
def test_shares_in_percent(share: float, text: str) -> None:
    assert format_share(share) == text


def test_nothing_to_compare_says_what_is_missing() -> None:
    masks = [(GLOBAL, 0.1), (GLOBAL, 0.3), (RANDOM, 0.2)]
    with pytest.raises(UserError) as error:
        select_similarity(make_tables(masks), SPEC)
    assert str(error.value) == (
        "similarity.parquet: no two masks of BERT-base have one sparsity above 0 at which they "
        "could be compared: 'magnitude, global' has 10, 30 %; 'random, global, seed 0' has 20 %; "
        "add masks of another criterion, scope or seed at one of these"
    )


LONG = ("imported-x", "imported, a-mask-with-a-name-that-somebody-gave-it " * 2, "imported")


@pytest.mark.parametrize(
    ("masks", "models"),
    [
        (grid([GLOBAL, LAYER], (0.5,)), ("bert",)),
        (grid([GLOBAL, LAYER], (0.1, 0.2, 0.3, 0.4)), ("bert", "vit")),
        (grid([GLOBAL, LAYER, NOISY], (0.1,)), ("bert", "vit", "opt")),
        (
            grid([GLOBAL, LAYER, ROW, PATTERN, IMPORTED, NOISY, RANDOM, MATCHED],
                 (0.1, 0.2, 0.3, 0.4)),
            ("bert", "vit"),
        ),
        (grid([GLOBAL, *(ticket("rte", seed) for seed in range(8))], (0.3, 0.6)), ("bert",)),
        (grid([GLOBAL, NOISY, RANDOM, LONG], (0.1, 0.5)), ("a model with a long name " * 6,)),
        (
            grid([(f"f{i}", f"family number {i}", "magnitude") for i in range(24)], (0.1, 0.5)),
            ("bert",),
        ),
    ],
)  # fmt: skip
def test_no_text_covers_another_or_leaves_the_page(
    masks: list[Mask], models: tuple[str, ...]
) -> None:
    figure = draw_similarity(make_tables(masks, models), SPEC)
    assert overlaps(figure) == []
    assert figure.get_size_inches()[0] in (style.SINGLE_WIDTH, style.DOUBLE_WIDTH)


def test_what_long_labels_have_in_common_is_said_once() -> None:
    tickets = [ticket(task, seed) for task in ("topic", "pair") for seed in (1, 2)]
    moved = (
        "noisy",
        "noisy magnitude, global, moved as far as by topic, seed 0",
        "noisy-magnitude",
    )
    tables = make_tables(grid([GLOBAL, *tickets, moved], (0.3, 0.6)))
    found = words(draw_similarity(tables, SPEC))
    assert {"magnitude", "ticket, of topic, seed 1", "ticket, of pair, seed 2"} <= set(found)
    assert "noisy magnitude, moved as far as by topic, seed 0" in found
    assert any(text.endswith("All masks: global; ticket: steps of 30 %.") for text in found)
    assert GLOBAL[1] in set(select_similarity(tables, SPEC)["label_a"].to_pylist())


def test_a_number_that_is_too_wide_loses_its_decimal_alone() -> None:
    tables = make_tables(grid([GLOBAL, LAYER, ROW], (0.5,)), kappa=-0.1234)
    [(axes, _)] = meshes(draw_similarity(tables, SPEC))
    texts = texts_at(axes)
    assert texts[0, 1] == "−12"
    assert "98.5" in texts.values()


def test_eight_masks_at_four_sparsities_have_their_numbers() -> None:
    families = [GLOBAL, LAYER, ROW, PATTERN, IMPORTED, NOISY, RANDOM, MATCHED]
    figure = draw_similarity(make_tables(grid(families, (0.1, 0.2, 0.3, 0.4))), SPEC)
    for axes, _ in meshes(figure):
        numbers = [text for text in texts_at(axes).values() if text.replace(".", "").isdigit()]
        assert sum("." in number for number in numbers) == 3 * 28
    assert min(t.get_fontsize() for axes in figure.axes for t in axes.texts) >= 7
