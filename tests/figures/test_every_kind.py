"""What all figures have in common: fonts in the file, and one look for each model."""

import ast
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import essential_sparsity
from essential_sparsity.drawing import style
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.figures.kinds import FIGURE_KINDS

from . import test_difference, test_distribution, test_similarity
from .conftest import (
    GRID,
    drawing_of,
    make_drop_tables,
    make_placement_tables,
    make_positions_tables,
)

MODELS = ("bert", "vit")
SPEC = FigureSpec(models={"bert": "BERT-base", "another": "Another", "vit": "ViT-B"})


def similarity_tables(_: tuple[str, ...]) -> dict[str, pa.Table]:
    families = [test_similarity.GLOBAL, test_similarity.LAYER]
    return test_similarity.make_tables(test_similarity.grid(families, (0.3, 0.5)))


def essential_tables(models: tuple[str, ...]) -> dict[str, pa.Table]:
    table = make_drop_tables(models)["essential"]
    return {"essential": table.append_column("experiment", pa.repeat("drop", len(table)))}


MAKE: dict[str, Callable[[tuple[str, ...]], dict[str, pa.Table]]] = {
    "drop": make_drop_tables,
    "pattern": lambda models: make_drop_tables(models, grid=GRID, patterns=("2:4",)),
    "difference": lambda models: test_difference.make_tables(models),
    "placement": lambda _: make_placement_tables(),
    "positions": lambda _: make_positions_tables(),
    "similarity": similarity_tables,
    "essential": essential_tables,
    "distribution": lambda models: test_distribution.make_tables({m: 2 for m in models}),
}
# Kinds whose colours are no models'.
OF_MASKS = {"placement", "positions", "similarity"}


def draw(kind: str, models: tuple[str, ...] = MODELS) -> Figure:
    return drawing_of(kind)(MAKE[kind](models), SPEC)


def test_every_kind_is_here() -> None:
    assert set(MAKE) == set(FIGURE_KINDS)


@pytest.mark.parametrize("kind", list(MAKE))
def test_fonts_are_in_the_file_as_outlines_that_can_be_edited(kind: str) -> None:
    file = BytesIO()
    with style.use_style():
        draw(kind).savefig(file, format="pdf")
    pdf = file.getvalue()
    fonts = re.findall(rb"/Type /FontDescriptor.*?endobj", pdf, re.DOTALL)
    assert fonts
    assert all(b"/FontFile2" in font for font in fonts)  # TrueType, as Type 42 says
    assert b"/Type3" not in pdf


@pytest.mark.parametrize("kind", list(MAKE))
def test_a_figure_is_as_wide_as_a_column_or_a_page(kind: str) -> None:
    assert draw(kind).get_size_inches()[0] in (style.SINGLE_WIDTH, style.DOUBLE_WIDTH)


@pytest.mark.parametrize("kind", [kind for kind in MAKE if kind not in OF_MASKS])
def test_a_model_has_one_colour_in_all_figures_whoever_is_beside_it(kind: str) -> None:
    expected = style.model_styles(SPEC.models, ())["vit"].colour
    other = style.model_styles(SPEC.models, ())["bert"].colour
    colours = colours_of(draw(kind, ("vit",)))
    assert expected.lower() in colours
    assert other.lower() not in colours
    assert {expected.lower(), other.lower()} <= colours_of(draw(kind))


def colours_of(figure: Figure) -> set[str]:
    artists: list[Any] = [line for axes in figure.axes for line in axes.lines]
    return {to_hex(line.get_color()) for line in artists}


def test_no_other_module_says_how_figures_look() -> None:
    package = Path(essential_sparsity.__file__).parent
    for path in (*package.glob("figures/**/*.py"), *package.glob("drawing/*.py")):
        if path.name == "style.py":
            continue
        text = path.read_text(encoding="utf-8")
        assert not re.findall(r"rcParams|plt\.|pyplot", text), path.name
        texts = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
        own = [t for t in texts if isinstance(t, str) and re.fullmatch(r"#[0-9A-Fa-f]{6}", t)]
        assert not own, path.name
