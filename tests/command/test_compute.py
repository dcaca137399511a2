"""`mask compute`: the masks that were asked for, under their names, and a line for each."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import Field

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.command import criteria
from essential_sparsity.masks import registry
from essential_sparsity.masks.criterion import Inputs, Ranking
from essential_sparsity.masks.keys import Values
from essential_sparsity.masks.mask import Mask
from essential_sparsity.masks.registry import known_criteria

Run = Callable[..., str]
RunJson = Callable[..., dict[str, Any]]


def flat(path: Path) -> np.ndarray[Any, np.dtype[np.bool_]]:
    mask = Mask.load(path)
    return np.concatenate([mask.keep(name).ravel() for name in mask.matrices])


def test_masks_of_several_sparsities_and_patterns(models: Path, tmp_path: Path, run: Run) -> None:
    printed = run(
        "compute", models / "bert", "--output", tmp_path / "a/b", "--sparsity", 0.25, 0.5,
        "--pattern", "2:4",
    )  # fmt: skip
    names = ["magnitude-global-s0.25", "magnitude-global-s0.50", "magnitude-2of4"]
    assert [line.split()[0] for line in printed.splitlines()] == names
    assert [line.split()[-1] for line in printed.splitlines()] == [
        str(tmp_path / f"a/b/{name}.safetensors") for name in names
    ]
    with Checkpoint.survey(models / "bert") as checkpoint:
        weights = np.concatenate(
            [checkpoint.tensor(m).values().ravel() for m in checkpoint.matrices]
        )
    assert f"removed {weights.size // 4:,}  of {weights.size:,}  25.00 %" in printed
    for name, sparsity in zip(names, (0.25, 0.5), strict=False):
        cut = np.sort(np.abs(weights))[round(sparsity * weights.size) - 1]
        assert np.array_equal(flat(tmp_path / f"a/b/{name}.safetensors"), np.abs(weights) > cut)
    kept = flat(tmp_path / "a/b/magnitude-2of4.safetensors").reshape(-1, 4)
    assert (kept.sum(axis=1) == 2).all()


def test_every_combination_of_options_is_a_mask(
    models: Path, tmp_path: Path, run_json: RunJson
) -> None:
    document = run_json(
        "compute", models / "vit", "--output", tmp_path, "--criterion", "noisy-magnitude",
        "--noise", 0.1, 0.5, "--option", "seed=3", "--scope", "layer", "--sparsity", 0, 0.5,
    )  # fmt: skip
    assert [mask["name"] for mask in document["masks"]] == [
        "dense",
        "noisy-magnitude-layer-noise0.1-seed3-s0.50",
        "noisy-magnitude-layer-noise0.5-seed3-s0.50",
    ]
    assert document["masks"][0]["removed"] == 0
    assert document["masks"][1]["sparsity"] == 0.5
    for mask in document["masks"]:
        assert Mask.load(Path(mask["path"])).header.name == mask["name"]


def test_a_matched_mask_removes_as_many_of_each_matrix(
    models: Path, tmp_path: Path, run: Run
) -> None:
    run("compute", models / "opt", "--output", tmp_path, "--sparsity", 0.5)
    like = tmp_path / "magnitude-global-s0.50.safetensors"
    run(
        "compute", models / "opt", "--output", tmp_path, "--criterion", "random",
        "--scope", "matched", "--like", like, "--seed", 1, 2,
    )  # fmt: skip
    for seed in (1, 2):
        path = tmp_path / f"random-matched-magnitude-global-s0.50-seed{seed}.safetensors"
        assert Mask.load(path).removed() == Mask.load(like).removed()


def test_norms_of_the_noise_come_from_files(models: Path, tmp_path: Path, run: Run) -> None:
    with Checkpoint.survey(models / "bert") as checkpoint:
        names = [matrix.name for matrix in checkpoint.matrices]
    for stem, norm in (("small", 1e-12), ("large", 1e6)):
        (tmp_path / f"{stem}.json").write_text(json.dumps(dict.fromkeys(names, norm)))
    run(
        "compute", models / "bert", "--output", tmp_path, "--criterion", "noisy-magnitude",
        "--norms", tmp_path / "small.json", tmp_path / "large.json", "--sparsity", 0.5,
    )  # fmt: skip
    run("compute", models / "bert", "--output", tmp_path, "--sparsity", 0.5)
    still = flat(tmp_path / "magnitude-global-s0.50.safetensors")
    name = "noisy-magnitude-global-norms-{}-seed0-s0.50.safetensors"
    assert (flat(tmp_path / name.format("small")) == still).mean() > 0.99
    assert (flat(tmp_path / name.format("large")) == still).mean() < 0.6


def test_a_histogram_is_kept_and_serves_again(
    models: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["compute", models / "bert", "--sparsity", 0.5]
    run(*words, "--output", tmp_path / "without")
    run(*words, "--output", tmp_path / "first", "--histogram", tmp_path / "counts.safetensors")
    assert (tmp_path / "counts.safetensors").is_file()

    def count(*_: object) -> None:
        raise AssertionError("counted again")

    monkeypatch.setattr("essential_sparsity.command.compute.count_keys", count)
    monkeypatch.setattr("essential_sparsity.masks.computation.count_keys", count)
    run(*words, "--output", tmp_path / "second", "--histogram", tmp_path / "counts.safetensors")
    name = "magnitude-global-s0.50.safetensors"
    contents = {(tmp_path / f / name).read_bytes() for f in ("without", "first", "second")}
    assert len(contents) == 1


def test_json_is_alone_on_stdout(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], run: Run
) -> None:
    out = run("compute", models / "bert", "--output", tmp_path, "--sparsity", 0.5, "--json")
    (mask,) = json.loads(out)["masks"]
    assert mask["spec"] == {"criterion": "magnitude", "sparsity": 0.5}
    assert mask["path"] == str(tmp_path / "magnitude-global-s0.50.safetensors")


class Power(Ranking):
    """A criterion that somebody adds: no line of the command knows it."""

    criterion: Literal["power"] = "power"
    the_power: float = Field(default=1.0, gt=0, description="what |w| is raised to")

    def options(self) -> str:
        return f"p{self.the_power:g}"

    def score(self, matrix: Matrix, weights: Values, inputs: Inputs) -> Values:
        return np.abs(weights) ** np.float32(self.the_power)


def test_a_new_criterion_has_its_options_by_itself(
    models: Path,
    tmp_path: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = {**known_criteria(), "power": Power}
    for module in (registry, criteria):
        monkeypatch.setattr(module, "known_criteria", lambda: more)
    run(
        "compute", models / "bert", "--output", tmp_path, "--criterion", "power",
        "--the-power", 2, "--sparsity", 0.5,
    )  # fmt: skip
    run("compute", models / "bert", "--output", tmp_path, "--sparsity", 0.5)
    one, other = (
        flat(tmp_path / f"{name}-s0.50.safetensors")
        for name in ("power-global-p2", "magnitude-global")
    )
    assert (one == other).all()
    with pytest.raises(SystemExit):
        run("compute", "--help")
    assert "what |w| is raised to (power)" in " ".join(capsys.readouterr().out.split())
