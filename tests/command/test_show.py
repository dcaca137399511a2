"""`mask show`: what a mask says of itself, and where it keeps weights."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from essential_sparsity.architectures import known_architectures
from essential_sparsity.command.output import draw_sparkline
from essential_sparsity.masks.mask import Mask


def save_mask(path: Path, architecture: str, layers: int, kept: Callable[[int, int], int]) -> None:
    """Save a mask of 10 × 10 matrices; of layer i's module j `kept(i, j)` of 100 weights stay."""
    (stack,) = known_architectures()[architecture].stacks
    keeps = {
        f"{stack.names[0]}.{layer}.{module.spellings[0]}.weight": (
            np.arange(100).reshape(10, 10) < kept(layer, place)
        )
        for layer in range(layers)
        for place, module in enumerate(stack.modules)
    }
    spec = {"criterion": "random", "sparsity": 0.5, "seed": 4}
    mask = Mask.build(
        keeps, spec, name="random-global-seed4-s0.50", architecture=architecture, checkpoint="ab"
    )
    mask.save(path)


def test_the_table_holds_each_layer_and_module(tmp_path: Path, run: Callable[..., str]) -> None:
    path = tmp_path / "m.safetensors"
    save_mask(path, "bert", 2, lambda layer, place: 10 * place + 30 * layer)
    lines = run("show", path).splitlines()
    assert lines[:4] == [
        "mask     random-global-seed4-s0.50",
        "made by  random, global, seed 4",
        "of       bert checkpoint ab",
        "in all   removed 720 of 1,200 weights (60.00 %)",
    ]
    cells = {line.split()[0]: line.split()[1:] for line in lines if line}
    # 0, 10 … 50 % in layer 0, 30 more in layer 1: blocks from 0 to 80 %.
    assert cells["query"] == ["▁▄", "15.0", "0.0", "to", "30.0"]
    assert cells["feed_forward_out"] == ["▅█", "65.0", "50.0", "to", "80.0"]
    assert "(▁ is 0.0, █ is 80.0)" in lines
    assert cells["0"] == ["0.0", "10.0", "20.0", "30.0", "40.0", "50.0", "25.0"]
    assert cells["1"] == ["30.0", "40.0", "50.0", "60.0", "70.0", "80.0", "55.0"]
    assert lines[-1].split() == ["all", "15.0", "25.0", "35.0", "45.0", "55.0", "65.0", "40.0"]


def test_a_large_model_fits_on_the_page(tmp_path: Path, run: Callable[..., str]) -> None:
    path = tmp_path / "m.safetensors"
    save_mask(path, "llama", 40, lambda layer, place: layer + place)
    lines = run("show", path).splitlines()
    assert max(map(len, lines)) <= 100
    assert len([line for line in lines if line[:1].isdigit()]) == 40


def test_equal_densities_look_equal(tmp_path: Path, run: Callable[..., str]) -> None:
    path = tmp_path / "m.safetensors"
    save_mask(path, "bert", 3, lambda layer, place: 50 + (layer == 1 and place == 0))
    (line,) = (line for line in run("show", path).splitlines() if line.startswith("query"))
    assert len(set(line.split()[1])) <= 2  # one weight of a hundred is no mountain


def test_json_has_the_counts(tmp_path: Path, run_json: Callable[..., dict[str, Any]]) -> None:
    path = tmp_path / "m.safetensors"
    save_mask(path, "opt", 1, lambda layer, place: 10 * place)
    document = run_json("show", path)
    assert (document["removed"], document["total"], document["sparsity"]) == (450, 600, 0.75)
    assert document["spec"]["criterion"] == "random"
    assert document["matrices"][1] == {
        "matrix": "decoder.layers.0.self_attn.k_proj.weight",
        "layer": 0,
        "module": "key",
        "part": "attention",
        "weights": 100,
        "removed": 90,
    }
    assert sum(matrix["removed"] for matrix in document["matrices"]) == 450


def test_the_manifest_names_the_mask_too(tmp_path: Path, run: Callable[..., str]) -> None:
    save_mask(tmp_path / "m.safetensors", "bert", 1, lambda layer, place: 50)
    assert run("show", tmp_path / "m.json") == run("show", tmp_path / "m.safetensors")


@pytest.mark.parametrize(("encoding", "expected"), [("utf-8", "▁▃█"), ("ascii", "_-#")])
def test_sparklines_are_of_what_the_terminal_can_show(
    encoding: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert draw_sparkline([1.0, 3.0, 8.0], 1.0, 8.0) == expected
    assert draw_sparkline([2.0, 2.0], 2.0, 2.0) == 2 * expected[0]
