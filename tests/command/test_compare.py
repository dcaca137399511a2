"""`mask compare`: every two masks, by numbers that can be worked by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from essential_sparsity.masks.mask import Mask

# Of two matrices of 8 weights: a keeps 4 and 4, b keeps 2 and 4, both keep 1 and 4.
KEEPS = {
    "a": ("11110000", "11110000"),
    "b": ("00011000", "11110000"),
    "dense": ("11111111", "11111111"),
}


@pytest.fixture
def masks(tmp_path: Path) -> dict[str, Path]:
    paths = {}
    for name, rows in KEEPS.items():
        keeps = {
            f"m{place}": np.array([[bit == "1" for bit in row]]) for place, row in enumerate(rows)
        }
        paths[name] = tmp_path / f"{name}.safetensors"
        mask = Mask.build(
            keeps, {"criterion": "dense"}, name=name, architecture="bert", checkpoint="ab"
        )
        mask.save(paths[name])
    return paths


def test_measures(masks: dict[str, Path], run_json: Callable[..., dict[str, Any]]) -> None:
    document = run_json("compare", masks["a"], masks["b"], masks["dense"])
    assert [mask["name"] for mask in document["masks"]] == ["a", "b", "dense"]
    ab, a_dense, b_dense = document["pairs"]
    assert (ab["a"], ab["b"], b_dense["a"], b_dense["b"]) == (0, 1, 1, 2)
    # a keeps 8 of 16, b keeps 6, both keep 5; a removes 8, b removes 10, both remove 7.
    cosine, chance = 5 / 48**0.5, 48**0.5 / 16
    by_layer = (4 * 2 / 8 + 4 * 4 / 8) / 48**0.5
    assert ab["cosine"] == pytest.approx(cosine)
    assert ab["chance"] == pytest.approx(chance)
    assert ab["kappa"] == pytest.approx((cosine - chance) / (1 - chance))
    assert ab["kappa_by_layer"] == pytest.approx((cosine - by_layer) / (1 - by_layer))
    assert ab["overlap"] == pytest.approx(7 / 8)
    assert ab["jaccard"] == pytest.approx(7 / 11)
    assert ab["hamming"] == 4
    assert ab["unnested"] == 1
    # Whatever is not defined is null: a dense mask removes nothing.
    assert a_dense["overlap"] is None
    assert a_dense["kappa"] is None
    assert a_dense["unnested"] == 0


def test_lines(masks: dict[str, Path], run: Callable[..., str]) -> None:
    lines = run("compare", masks["a"], masks["b"], masks["dense"]).splitlines()
    assert lines[1].split() == ["2", "b", "removed", "10", "of", "16", "62.50", "%",
                                str(masks["b"])]  # fmt: skip
    rows = {line[:4]: line.split() for line in lines}
    assert rows["1, 2"][2:] == [
        "0.7217", "0.4330", "0.5091", "0.5091", "0.8750", "0.6364", "4", "1",
    ]  # fmt: skip
    assert rows["1, 3"][6] == "-"


def test_a_folders_content_can_be_named(masks: dict[str, Path], run: Callable[..., str]) -> None:
    folder = masks["a"].parent
    assert run("compare", *sorted(folder.iterdir())) == run("compare", *sorted(masks.values()))
