"""A round from runs: which are asked for next, and how tables read what a search has run."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from essential_sparsity.figures.drop.tables import compute
from essential_sparsity.masks.criteria.magnitude import Magnitude
from essential_sparsity.masks.spec import DENSE
from essential_sparsity.outcomes.spec import RunsSpec, StatisticsSpec
from essential_sparsity.runs.labels import labels_of_run
from essential_sparsity.search.__main__ import decide_round
from essential_sparsity.search.rounds import Round, RoundSpec, load_last
from essential_sparsity.search.spec import SearchSpec
from essential_sparsity.stages import paths
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import write_json
from finished_runs import header_of, runs_of

RECIPE = "quick-12345678"
EXAMPLES = 2000
FOLDER = "studies/s/e/search"

Simulate = Callable[[Round], int]


def write_run(root: Path, right: float, **identity: Any) -> None:
    """Write a run with so much of its answers right; which ones depends on the seed a little."""
    metrics, predictions = (root / p.format(**identity) for p in (paths.METRICS, paths.PREDICTIONS))
    metrics.parent.mkdir(parents=True, exist_ok=True)
    count = round(right * EXAMPLES)
    spec = DENSE if identity["mask"] == "dense" else Magnitude(sparsity=_sparsity(identity["mask"]))
    place = {name: identity[name] for name in ("model", "task", "recipe", "seed")}
    row = {
        **labels_of_run(header_of(spec), **place),
        "metric": "accuracy", "score": 100 * count / EXAMPLES, "loss": 0.5,
        "examples": EXAMPLES, "seconds": 1.0, "last": True, "failure": None,
    }  # fmt: skip
    pq.write_table(pa.Table.from_pylist([row]), metrics)
    columns = {
        "id": [f"e{index:05}" for index in range(EXAMPLES)],
        "label": [index % 2 for index in range(EXAMPLES)],
        "prediction": [(index + (index >= count)) % 2 for index in range(EXAMPLES)],
    }
    pq.write_table(pa.table(columns), predictions)


def _sparsity(mask: str) -> float:
    return 0.0 if mask == "dense" else float(mask.rpartition("-s")[2])


def round_spec(**changes: Any) -> RoundSpec:
    settings = SearchSpec(resolution=0.1, budget=60, **changes)
    masks = [Magnitude(sparsity=sparsity) for sparsity in settings.lattice()]
    starts = [mask.name for mask in masks if mask.sparsity in settings.beginning()]
    return RoundSpec(
        models=("bert",),
        tasks=("rte",),
        lattices={"magnitude-global": tuple(mask.name for mask in masks)},
        seeds=(1, 2, 3, 4),
        statistics=StatisticsSpec(resamples=200),
        settings=settings,
        starts={"magnitude-global": tuple(starts)},
    )


@pytest.fixture
def simulate(tmp_path: Path) -> Simulate:
    """Return a function that makes a round's runs that are not there, and returns how many it did.

    The score falls from 90 % by 20 points a tenth of sparsity beyond 50 %.
    """

    def make(found: Round) -> int:
        made = 0
        for curve in found.curves:
            for mask, seed in curve.runs:
                sparsity = _sparsity(mask)
                identity = dict(model="bert", task="rte", recipe=RECIPE, mask=mask, seed=seed)
                if not (tmp_path / paths.METRICS.format(**identity)).exists():
                    right = 0.9 - 2 * max(0, sparsity - 0.5) + 0.002 * np.sin(7 * seed)
                    write_run(tmp_path, right, **identity)
                    made += 1
        return made

    return make


def search(root: Path, spec: RoundSpec, simulate: Simulate) -> list[Round]:
    """Search to the end, as the workflow does; write the rounds and return them."""
    rounds = [spec.first()]
    while not rounds[-1].is_last:
        simulate(rounds[-1])
        found = decide_round(root, runs_of(root), spec, rounds[-1] if rounds[-1].number else None)
        write_json(root / FOLDER / f"round{found.number}.json", found.model_dump(mode="json"))
        rounds.append(found)
    simulate(rounds[-1])
    return rounds


def compute_tables(root: Path, spec: RoundSpec) -> dict[str, pa.Table]:
    """Compute the tables of a search that has ended."""
    last = load_last(root, FOLDER)
    rounds = [f"{FOLDER}/round{number + 1}.json" for number in range(last.number)]
    families = {family: () for family in spec.lattices}
    of_runs = RunsSpec(models=spec.models, families=families, statistics=spec.statistics)
    return compute(root, [*rounds, *runs_of(root)], of_runs)


def test_a_search_closes_in_and_certifies_with_fresh_seeds(
    tmp_path: Path, simulate: Simulate
) -> None:
    first, *_, last = search(tmp_path, round_spec(), simulate)
    (start,), (curve,) = first.curves, last.curves
    assert set(start.points.values()) == {(1, 2)}
    assert {"magnitude-global-s0.50", "magnitude-global-s0.60"} <= set(curve.points)
    assert curve.settled and curve.located is not None
    assert 0.5 <= curve.located.estimate < 0.51
    assert set(curve.certification.values()) == {(5, 6, 7, 8)}
    dense = {seed for mask, seed in curve.runs if mask == "dense"}
    assert dense == {seed for mask, seed in curve.runs if mask != "dense"}  # all can be paired


def test_a_round_lists_each_run_once_and_all_of_the_rounds_before(
    tmp_path: Path, simulate: Simulate
) -> None:
    rounds = search(tmp_path, round_spec(), simulate)
    for before, after in pairwise(rounds):
        earlier, later = list(before.curves[0].runs), list(after.curves[0].runs)
        assert len(set(later)) == len(later)
        assert set(earlier) <= set(later)


def test_tables_have_the_points_and_seeds_that_were_run(tmp_path: Path, simulate: Simulate) -> None:
    spec = round_spec()
    last = search(tmp_path, spec, simulate)[-1]
    tables = compute_tables(tmp_path, spec)
    runs = tables["runs"].to_pylist()
    assert {(r["mask"], r["seed"]) for r in runs} == set(last.curves[0].runs)
    seeds: dict[str, set[int]] = {}
    for mask, seed in last.curves[0].runs:
        seeds.setdefault(mask, set()).add(seed)
    for row in tables["drop"].to_pylist():
        assert row["seeds"] == len(seeds[row["mask"]])
        assert row["drop"] == pytest.approx(200 * max(0, row["sparsity"] - 0.5), abs=1e-9)
    essential = next(row for row in tables["essential"].to_pylist() if row["main"])
    assert essential["grid"] == [0.0, *sorted({r["sparsity"] for r in runs} - {0.0})]
    assert 0.5 <= essential["estimate"] < 0.51
    certified = max(float(m.rpartition("-s")[2]) for m in last.curves[0].certification)
    assert essential["certified"] == certified


def test_what_fresh_seeds_do_not_confirm_is_not_certified(
    tmp_path: Path, simulate: Simulate
) -> None:
    """However well the search's own seeds do: only the fresh ones are tested."""
    spec = round_spec()
    last = search(tmp_path, spec, simulate)[-1]
    for mask, seeds in last.certification()["bert", "rte"].items():
        for seed in seeds:
            identity = dict(model="bert", task="rte", recipe=RECIPE, mask=mask, seed=seed)
            write_run(tmp_path, 0.5, **identity)
    tables = compute_tables(tmp_path, spec)
    essential = next(row for row in tables["essential"].to_pylist() if row["main"])
    assert essential["certified"] == 0.0


def test_without_fresh_seeds_nothing_is_certified_and_it_is_said(
    tmp_path: Path, simulate: Simulate
) -> None:
    spec = round_spec(certify=0)
    search(tmp_path, spec, simulate)
    tables = compute_tables(tmp_path, spec)
    for row in tables["essential"].to_pylist():
        assert row["certified"] is None
        assert "the search had no seeds left" in row["uncertified_because"]


def test_a_round_of_a_longer_search_that_was_left_behind_is_not_read(
    tmp_path: Path, simulate: Simulate
) -> None:
    rounds = search(tmp_path, round_spec(), simulate)
    (tmp_path / FOLDER / f"round{len(rounds)}.json").write_text("{}")
    assert load_last(tmp_path, FOLDER) == rounds[-1]


def test_equal_runs_give_an_equal_round(tmp_path: Path, simulate: Simulate) -> None:
    spec = round_spec()
    simulate(spec.first())
    assert decide_round(tmp_path, runs_of(tmp_path), spec, None) == decide_round(
        tmp_path, runs_of(tmp_path), spec, None
    )


def test_a_damaged_round_is_named(tmp_path: Path) -> None:
    path = tmp_path / FOLDER / "round1.json"
    write_json(path, {"number": 1, "curves": [{"model": "bert"}]})
    with pytest.raises(UserError, match=r"round1\.json: curves\[0\]\.\w+: this key is required"):
        load_last(tmp_path, FOLDER)
    path.unlink()
    with pytest.raises(UserError, match=r"round1\.json: no such file; a round of a search"):
        load_last(tmp_path, FOLDER)
