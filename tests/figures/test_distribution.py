import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from essential_sparsity.drawing import style
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.figures import drawing_stage
from essential_sparsity.figures.distribution.draw import COLUMNS
from essential_sparsity.figures.distribution.draw import select as select_distribution
from essential_sparsity.figures.kinds import FIGURE_KINDS

from .conftest import drawing_of
from .overlap import drawn_texts, overlaps

draw_distribution = drawing_of("distribution")

SPEC = FigureSpec(models={"vit": "ViT-B", "dino": "DINO-B"})
TWO = {"vit": 12, "dino": 12}


def make_tables(
    models: Mapping[str, int] = TWO,
    scaling: str = "max-abs",
    thresholds: tuple[float, ...] = (1e-4, 1e-3, 1e-2),
    relative: tuple[float, ...] = (0.01, 0.1),
    kurtosis: float = 3.0,
) -> dict[str, pa.Table]:
    """Return the tables of `models`, by number of layers, each wider and richer than the last."""
    layers: list[dict[str, Any]] = []
    shares: list[dict[str, Any]] = []
    bins: list[dict[str, Any]] = []
    for m, (model, count) in enumerate(models.items()):
        for layer in (None, *range(count)):
            depth = layer or 0
            place = {"model": model, "level": "layer", "layer": layer}
            if layer is None:
                place["level"] = "model"
            layers.append({**place, "gini": 0.42 + 0.01 * m + 0.001 * depth, "scaling": scaling,
                           "kurtosis": kurtosis * (1 + m) / (1 + depth)})  # fmt: skip
            for is_relative, taus in ((False, thresholds), (True, relative)):
                for tau in taus:
                    share = min(1.0, 20 * tau * (1 + 0.1 * m) * (1 + 0.02 * depth))
                    shares.append({**place, "relative": is_relative, "threshold": tau,
                                   "share": share,
                                   "excess": 0.1 * m if layer is None and m else None})  # fmt: skip
            if layer is None:
                continue
            sigma = 0.02 + 0.004 * (depth % 7)
            edges = np.linspace(-4 * sigma, 4 * sigma, 42)
            centres = (edges[1:] + edges[:-1]) / 2
            heights = np.exp(-((centres / sigma) ** 2) / 2) / (sigma * math.sqrt(2 * math.pi))
            bins += [
                {"model": model, "layer": layer, "left": left, "right": right, "density": height}
                for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True)
            ]
    tables = {"layers": layers, "near_zero": shares, "density": bins}
    return {name: pa.Table.from_pylist(rows) for name, rows in tables.items()}


def words(figure: Figure) -> list[str]:
    return [text.replace("\N{NO-BREAK SPACE}", " ") for text, _ in drawn_texts(figure)]


def panels(figure: Figure, label: str) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_label() == label]


def curves(axes: Axes) -> list[Line2D]:
    return [line for line in axes.lines if line.get_label() == "curve"]


def rows_of(table: pa.Table, **values: Any) -> list[dict[str, Any]]:
    return [row for row in table.to_pylist() if values.items() <= row.items()]


def test_the_registry_names_this_stage_and_its_tables() -> None:
    kind = FIGURE_KINDS["distribution"]
    assert (kind.drawing, set(kind.tables)) == (select_distribution.__module__, set(COLUMNS))


def test_ridges_are_the_densities_written_each_to_its_own_peak() -> None:
    tables = make_tables()
    figure, data = draw_distribution(tables, SPEC), select_distribution(tables, SPEC)
    drawn = panels(figure, "ridges")
    assert [axes.get_title(loc="left") for axes in drawn] == ["ViT-B", "DINO-B"]
    for axes, model in zip(drawn, TWO, strict=True):
        ridges = [line for line in axes.lines if str(line.get_label()).startswith("layer")]
        assert len(ridges) == len(axes.collections) == 12
        heights = []
        for layer, line in enumerate(ridges):
            rows = rows_of(data, element="density", model=model, layer=layer)
            x, y = np.asarray(line.get_xdata()), layer - np.asarray(line.get_ydata())
            assert x == pytest.approx([(row["left"] + row["right"]) / 2 for row in rows])
            densities = np.array([row["density"] for row in rows])
            assert y / y.max() == pytest.approx(densities / densities.max())
            heights.append(y.max())
        assert heights == pytest.approx([heights[0]] * 12)
        low, high = axes.get_ylim()
        assert low > 11 and high <= -heights[0]  # layers downwards, and room for the first ridge


def test_models_share_the_narrowest_scale_that_shows_99_percent_of_every_layer() -> None:
    tables = make_tables()
    figure, data = draw_distribution(tables, SPEC), select_distribution(tables, SPEC)
    limits = {axes.get_xlim() for axes in panels(figure, "ridges")}
    ((low, high),) = limits
    assert low == -high
    # The widest layers have σ = 0.044: 99 % lie within 2.58 σ, and bins are σ/5 wide.
    assert 2.57 * 0.044 <= high <= 2.9 * 0.044
    for model in TWO:
        for layer in range(12):
            shown = sum(
                row["density"] * (row["right"] - row["left"])
                for row in rows_of(data, element="density", model=model, layer=layer)
            )
            assert shown >= 0.989


def test_shares_against_layers_are_the_data_written() -> None:
    tables = make_tables()
    figure, data = draw_distribution(tables, SPEC), select_distribution(tables, SPEC)
    for axes, relative, count in zip(
        panels(figure, "near_zero"), (False, True), (3, 2), strict=True
    ):
        assert axes.get_yscale() == "log"
        expected = [
            [r["share"] for r in rows_of(data, element="near_zero", model=model, threshold=tau)
             if r["relative"] == relative]
            for tau in ((1e-4, 1e-3, 1e-2), (0.01, 0.1))[relative]
            for model in TWO
        ]  # fmt: skip
        lines = curves(axes)
        assert [list(line.get_ydata()) for line in lines] == expected
        assert [list(line.get_xdata()) for line in lines] == [list(range(12))] * 2 * count
        # A model by its colour, a threshold by its line.
        looks = style.model_styles(SPEC.models, TWO)
        colours = [looks[model].colour for model in TWO]
        assert [line.get_color() for line in lines] == colours * count
        assert len({line.get_linestyle() for line in lines[::2]}) == min(count, 2) or count == 3


def test_gini_and_kurtosis_are_the_data_written_beside_the_normal_distribution() -> None:
    tables = make_tables()
    figure, data = draw_distribution(tables, SPEC), select_distribution(tables, SPEC)
    for measure, normal in (("gini", math.sqrt(2) - 1), ("kurtosis", 0.0)):
        (axes,) = panels(figure, measure)
        assert [list(line.get_ydata()) for line in curves(axes)] == [
            [row[measure] for row in rows_of(data, element=measure, model=model)] for model in TWO
        ]
        (line,) = [line for line in axes.lines if line.get_label() == "normal"]
        assert list(line.get_ydata()) == [normal, normal]
        assert axes.get_yscale() == "linear"


def test_a_long_tail_puts_kurtosis_on_a_logarithmic_scale() -> None:
    (axes,) = panels(draw_distribution(make_tables(kurtosis=150.0), SPEC), "kurtosis")
    assert axes.get_yscale() == "symlog"


def test_overall_shares_and_differences_are_written_out() -> None:
    found = words(draw_distribution(make_tables(), SPEC))
    heading = (
        "Share of near-zero weights among all prunable weights (in brackets: relative to that of "
    )
    assert heading + "ViT-B)" in " ".join(found).replace("\n", " ")
    for text in ("|w| < 0.0001", "|w| < 0.01σ", "|w| < 0.1σ", "0.200 %", "0.220 % (+10.00 %)",
                 "2.00 %", "20.0 %", "22.0 % (+10.00 %)", "100 %", "100 % (+10.00 %)"):  # fmt: skip
        assert text in found, text
    fewer = make_tables()
    rows = [{**row, "excess": row["excess"] and -0.1437} for row in fewer["near_zero"].to_pylist()]
    fewer["near_zero"] = pa.Table.from_pylist(rows)
    assert "0.220 % (−14.37 %)" in words(draw_distribution(fewer, SPEC))


def test_four_models_stand_side_by_side_and_a_fifth_below() -> None:
    figure = draw_distribution(make_tables(dict.fromkeys("abcde", 6)), SPEC)
    tops = [axes.get_position().y1 for axes in panels(figure, "ridges")]
    assert tops[:4] == [tops[0]] * 4
    assert tops[4] < tops[0]
    assert len(panels(figure, "table")) == 2


def test_one_model_is_compared_with_none() -> None:
    found = words(draw_distribution(make_tables({"vit": 6}), SPEC))
    assert "Share of near-zero weights among all prunable weights" in found
    assert not any("+" in text or "brackets" in text for text in found)


@pytest.mark.parametrize(
    ("scaling", "label"),
    [
        ("max-abs", "Weight / largest |w| of the layer"),
        ("standard", "(Weight − mean) / σ of the layer"),
        ("l2", "Weight / root mean square of the layer"),
    ],
)
def test_the_axis_says_how_weights_are_normalised(scaling: str, label: str) -> None:
    found = words(draw_distribution(make_tables(scaling=scaling), SPEC))
    assert found.count(label) == 2
    expected = {"Layer", "Share (%)", "Gini coefficient of |w|", "Excess kurtosis of w",
                "τ = 0.001", "τ = 0.1σ", "normal distribution"}  # fmt: skip
    assert expected <= set(found)


def test_every_layer_is_numbered_where_there_is_room() -> None:
    def numbers(layers: int) -> list[str]:
        (axes,) = panels(draw_distribution(make_tables({"vit": layers}), SPEC), "ridges")
        return [label.get_text() for label in axes.get_yticklabels()]

    assert numbers(6) == [str(layer) for layer in range(6)]
    assert numbers(12) == [str(layer) for layer in range(12)]
    assert numbers(32) == [str(layer) for layer in range(0, 32, 2)]


def test_what_is_not_defined_is_left_out() -> None:
    tables = make_tables({"vit": 3, "dino": 3}, thresholds=(1e-3, 1e-9))
    layers = tables["layers"].to_pylist()
    for row in layers:
        if (row["model"], row["layer"]) == ("vit", 1):
            row["gini"] = row["kurtosis"] = None
    shares = tables["near_zero"].to_pylist()
    for row in shares:
        if row["threshold"] == 1e-9:
            row["share"], row["excess"] = 0.0, None
    tables["layers"], tables["near_zero"] = map(pa.Table.from_pylist, (layers, shares))
    figure = draw_distribution(tables, SPEC)
    (gini,) = panels(figure, "gini")
    assert [list(line.get_xdata()) for line in curves(gini)] == [[0, 2], [0, 1, 2]]
    assert len(curves(panels(figure, "near_zero")[0])) == 2
    assert "|w| < 10⁻⁹" in words(figure) and "0.00 %" in words(figure)
    assert overlaps(figure) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "models",
    [
        {"vit": 1},
        {"vit": 6},
        {"vit": 12, "dino": 12},
        {"vit": 6, "llama": 32, "a-name-that-has-no-end-and-no-label-and-is-far-too-long": 12},
        {"a": 12, "b": 12, "c": 12, "d": 12},
        {"a": 6, "b": 12, "c": 24, "d": 40, "e": 12, "f": 12},
    ],
)
@pytest.mark.parametrize("scaling", ["max-abs", "standard"])
def test_no_text_covers_another_or_leaves_the_page(models: dict[str, int], scaling: str) -> None:
    close = make_tables(models, scaling, thresholds=(1e-4, 1.1e-4, 1.2e-4, 2.5e-7), kurtosis=900)
    tiny = make_tables(models, scaling, thresholds=(2.5e-7,), relative=(1e-8, 1.1e-7))
    for tables in (make_tables(models, scaling), close, tiny):
        assert overlaps(draw_distribution(tables, SPEC)) == []


def test_command_line(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    tables = make_tables()
    for name, table in tables.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
    output = tmp_path / "figures" / "weights"
    arguments = ["--spec", SPEC.canonical(), "--tables", str(tmp_path), "--output", str(output)]
    monkeypatch.setattr(
        "sys.argv", ["stage", "essential_sparsity.figures.distribution", *arguments]
    )
    drawing_stage.main()
    assert sorted(file.suffix for file in output.parent.iterdir()) == [".parquet", ".pdf", ".png"]
    written = pq.read_table(output.with_suffix(".parquet"))
    assert written.equals(select_distribution(tables, SPEC))
