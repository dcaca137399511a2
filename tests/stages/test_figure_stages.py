"""What makes tables and figures anew besides their inputs: their order, the words on them."""

from pathlib import Path
from typing import Any

import yaml

from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.stages.figures import FIGURES, TABLES
from essential_sparsity.stages.rule import Rules
from essential_sparsity.study.jobs import load_study
from essential_sparsity.study.resolve import Resolved

ROOT = Path(__file__).parents[2]


class Wildcards(dict[str, str]):
    """Wildcards as Snakemake hands them to a function."""


def study_of(tmp_path: Path, change: dict[str, Any] | None = None) -> Resolved:
    study = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    for experiment in study["experiments"]:
        experiment.update((change or {}).get(experiment["name"], {}))
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(study), encoding="utf-8")
    return load_study(file, ROOT, tmp_path / "results")


def order_of(study: Resolved, kind: str) -> Any:
    params = Rules(study, 1).of(TABLES[kind]).params
    return params["order"](Wildcards(experiment=kind)) if "order" in params else None


def test_tables_of_masks_and_weights_are_in_the_studys_order(tmp_path: Path) -> None:
    """Which inputs there are is seen by Snakemake, and not in which order."""
    models = ["minilm-l6", "minilm-l6-random"]
    found = [
        order_of(study_of(tmp_path, {"distribution": {"models": given}}), "distribution")
        for given in (models, models[::-1])
    ]
    assert found[0] != found[1]
    assert order_of(study_of(tmp_path), "placement") is not None
    assert order_of(study_of(tmp_path), "drop") is None  # rows of runs have an order of their own


def test_the_figure_of_all_curves_knows_what_recipes_are_called(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    spec = FIGURES["essential"].spec
    assert spec is not None
    found = spec(study, {"experiment": "essential"})
    assert isinstance(found, FigureSpec)
    (identity,) = study.experiments["drop"].recipes.values()
    assert found.recipes[identity] == "quick"
    own = FIGURES["drop"].spec
    assert own is not None and not own(study, {"experiment": "drop"}).document().get("recipes")
