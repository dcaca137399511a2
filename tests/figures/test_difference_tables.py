import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from essential_sparsity.figures import tables_stage
from essential_sparsity.figures.difference import cost
from essential_sparsity.figures.difference.spec import DifferenceSpec
from essential_sparsity.figures.difference.tables import SCHEMAS, compute
from essential_sparsity.figures.drop.tables import compute as compute_drops
from essential_sparsity.figures.kinds import FIGURE_KINDS
from essential_sparsity.masks.criteria.imported import Imported
from essential_sparsity.masks.criteria.magnitude import Magnitude
from essential_sparsity.masks.criteria.ticket import Ticket
from essential_sparsity.masks.spec import DENSE, MaskSpec
from essential_sparsity.outcomes.spec import RunsSpec
from essential_sparsity.report.summary import WIDTH, summarize_differences
from essential_sparsity.stages import masks as mask_stages
from essential_sparsity.stages import runs as run_stages
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.tables import origin_of
from finished_runs import RECIPE, runs_of

TICKET = "ticket-global-rte-quick-12345678-seed{}-step0.30-s{}"
MASKS = tuple(
    mask.label()
    for mask in (
        DENSE,
        *(Magnitude(sparsity=s) for s in (0.3, 0.5, 0.6)),
        *(Ticket(step=0.3, sparsity=s) for s in (0.3, 0.6)),
    )
)


def _spec(**fields: Any) -> DifferenceSpec:
    families = DifferenceSpec.families_of(fields.pop("masks", MASKS))
    given = {"models": ("bert",), "families": families}
    return DifferenceSpec.model_validate({**given, **fields})


def compute_tables(root: Path, spec: DifferenceSpec) -> dict[str, pa.Table]:
    return compute(root, runs_of(root), spec)


def _answers(right: int, examples: int = 10) -> list[float]:
    return [1.0] * right + [0.0] * (examples - right)


@pytest.fixture
def small_study(write_run: Any) -> DifferenceSpec:
    """Ten examples, two seeds; 30 and 60 % are shared; every number below is worked by hand."""
    right = {
        "dense": (9, 9),
        "magnitude-global-s0.30": (8, 7),
        "magnitude-global-s0.50": (6, 6),
        "magnitude-global-s0.60": (3, 5),
        "s0.30": (8, 6),
        "s0.60": (7, 6),
    }
    for mask, by_seed in right.items():
        for seed, count in enumerate(by_seed, start=1):
            held = _ticket(seed, float(mask[1:])) if mask.startswith("s") else mask
            write_run(_answers(count), mask=held, seed=seed)
    return _spec()


def _benchmark(root: Path, path: str, seconds: object, cpu: object) -> None:
    file = root / "benchmarks" / f"{path}.tsv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
        f"{seconds}\t0:00:00\t1.0\t1.0\t1.0\t1.0\t0.00\t0.00\t0.00\t{cpu}\n"
    )


def _found(root: Path, mask: MaskSpec, seconds: object, cpu: object = 1.0) -> None:
    """Write the manifest and the benchmark of a mask."""
    file = root / f"masks/bert/{mask.name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"spec": mask.document(), "total": 10, "removed": 3}))
    _benchmark(root, f"masks/bert/{mask.name}", seconds, cpu)


def _ticket(seed: int, sparsity: float, **options: Any) -> Ticket:
    return Ticket(step=0.3, sparsity=sparsity, task="rte", recipe=RECIPE, seed=seed, **options)


def _find_all(root: Path) -> None:
    """Write what finding the masks of `small_study` took: rounds of 40 and 60 s, OMP 2 s."""
    for sparsity in (0.3, 0.5, 0.6):
        _found(root, Magnitude(sparsity=sparsity), 2.0)
    for seed in (1, 2):
        _found(root, _ticket(seed, 0.3), 40.0 * seed, 30.0)
        _found(root, _ticket(seed, 0.6), 60.0 * seed, 50.5)


def test_the_registry_names_this_stage_and_its_tables() -> None:
    kind = FIGURE_KINDS["difference"]
    assert (kind.statistics, list(kind.tables)) == (compute.__module__, list(SCHEMAS))
    assert kind.spec is DifferenceSpec
    assert list(kind.options.model_fields) == ["baseline"]


def test_difference_table_by_hand(tmp_path: Path, small_study: DifferenceSpec) -> None:
    first, second = compute_tables(tmp_path, small_study)["difference"].to_pylist()
    assert (first["difference"], first["difference_min"], first["difference_max"]) == (-5, -10, 0)
    assert first["difference_low"] <= -5 <= first["difference_high"]
    assert second.pop("difference_low") < 25 < second.pop("difference_high")
    assert second == {
        "model": "bert", "task": "rte", "recipe": RECIPE, "mask": "ticket-global-step0.30-s0.60",
        "family": "ticket-global-step0.30", "label": "ticket, global, steps of 30 %",
        "criterion": "ticket", "scope": "global", "pattern": None, "sparsity": 0.6,
        "baseline": "magnitude-global", "baseline_label": "magnitude, global",
        "baseline_mask": "magnitude-global-s0.60", "seeds": 2, "examples": 10,
        "metric": "accuracy", "score": 65, "baseline_score": 40, "difference": 25,
        "difference_min": 10, "difference_max": 40, "confidence": 0.95, "failed": 0,
        "constant": 50, "dense_low": 70,
    }  # fmt: skip


def test_runs_are_those_of_a_drop_figure(tmp_path: Path, small_study: DifferenceSpec) -> None:
    fields = {name: getattr(small_study, name) for name in RunsSpec.model_fields}
    drops = compute_drops(tmp_path, runs_of(tmp_path), RunsSpec.model_validate(fields))
    assert compute_tables(tmp_path, small_study)["runs"].equals(drops["runs"])


def test_the_interval_is_of_paired_resamples(tmp_path: Path, write_run: Any) -> None:
    """Seeds 40 points apart, and a ticket that is right on one example more in each."""
    for seed, right in ((1, 50), (2, 90)):
        for mask in ("dense", "magnitude-global-s0.30"):
            write_run(_answers(right, 100), mask=mask, seed=seed)
        write_run([*_answers(right, 99), 1.0], mask=_ticket(seed, 0.3), seed=seed)
    spec = _spec(masks=[mask for mask in MASKS if mask.sparsity in (0.0, 0.3)])
    (row,) = compute_tables(tmp_path, spec)["difference"].to_pylist()
    assert (row["difference"], row["difference_min"], row["difference_max"]) == (1, 1, 1)
    # Only how often that one example is drawn is uncertain: 0 to 3 or 4 times of 100.
    assert row["difference_low"] == 0
    assert 2 <= row["difference_high"] <= 4


def test_any_family_can_be_the_baseline(tmp_path: Path, small_study: DifferenceSpec) -> None:
    turned = small_study.model_copy(update={"baseline": "ticket-global-step0.30"})
    rows = compute_tables(tmp_path, turned)["difference"].to_pylist()
    assert [(row["mask"], row["difference"]) for row in rows] == [
        ("magnitude-global-s0.30", 5), ("magnitude-global-s0.60", -25),
    ]  # fmt: skip


def test_a_third_is_a_third_to_a_few_decimals(tmp_path: Path, write_run: Any) -> None:
    masks = [DENSE, Magnitude(sparsity=0.3333), Magnitude(scope="layer", sparsity=0.333333)]
    for mask in masks:
        write_run([1, 0], mask=mask)
    spec = _spec(masks=[mask.label() for mask in masks])
    rows = compute_tables(tmp_path, spec)["difference"].to_pylist()
    assert [row["baseline_mask"] for row in rows] == ["magnitude-global-s0.3333"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"baseline": "magnitude-globl"},
            "spec: baseline: no mask is of the family 'magnitude-globl'; did you mean "
            "'magnitude-global'? (there are: magnitude-global, ticket-global-step0.30)",
        ),
        (
            {"masks": [mask for mask in MASKS if mask.criterion != "ticket"]},
            "spec: masks: none has the sparsity of one of the baseline's, 'magnitude-global': "
            "there is nothing to compare",
        ),
        (
            {"masks": [mask for mask in MASKS if mask.sparsity in (0.0, 0.5)] + [MASKS[-1]]},
            "spec: masks: none has the sparsity of one of the baseline's, 'magnitude-global'",
        ),
    ],
)
def test_what_cannot_be_compared_is_told(fields: dict[str, Any], message: str) -> None:
    masks = fields.pop("masks", MASKS)
    given = {**_spec().document(), "families": DifferenceSpec.families_of(masks), **fields}
    with pytest.raises(UserError) as caught:
        DifferenceSpec.check(given, "spec")
    assert str(caught.value).startswith(message)


def test_masks_whose_sparsity_only_their_file_knows(tmp_path: Path, write_run: Any) -> None:
    """Half of the weights, it turns out, which the baseline has not."""
    other = Imported(mask="x", file="x.safetensors")
    for mask in (DENSE, Magnitude(sparsity=0.3), other):
        write_run([1, 0], mask=mask, removed=0.5)
    spec = _spec(masks=[*MASKS[:2], other.label()])
    with pytest.raises(UserError, match=r"^model 'bert': no mask has the sparsity of one of the"):
        compute_tables(tmp_path, spec)


def test_a_tickets_cost_adds_up_its_rounds(tmp_path: Path, small_study: DifferenceSpec) -> None:
    _find_all(tmp_path)
    run = f"runs/bert/rte/{RECIPE}/{TICKET.format(2, '0.60')}/seed2"
    _benchmark(tmp_path, run, 7.5, 5.25)
    rows = compute_tables(tmp_path, small_study)["cost"].to_pylist()
    found = [
        (r["mask"], r["seed"], r["mask_jobs"], r["mask_seconds"], r["mask_cpu_seconds"])
        for r in rows
    ]
    assert found == [
        *((f"magnitude-global-s{s}", seed, 1, 2, 1) for s in ("0.30", "0.50", "0.60")
          for seed in (1, 2)),
        ("ticket-global-step0.30-s0.30", 1, 1, 40, 30),
        ("ticket-global-step0.30-s0.30", 2, 1, 80, 30),
        ("ticket-global-step0.30-s0.60", 1, 2, 100, 80.5),
        ("ticket-global-step0.30-s0.60", 2, 2, 200, 80.5),
    ]  # fmt: skip
    tuned = [(row["run_seconds"], row["run_cpu_seconds"]) for row in rows]
    assert tuned == [(None, None)] * 9 + [(7.5, 5.25)]


def test_a_rewound_ticket_costs_its_first_steps_too(tmp_path: Path, write_run: Any) -> None:
    ticket = _ticket(1, 0.9, rewind=20)
    masks = [DENSE, Magnitude(sparsity=0.9), ticket]
    for mask in masks:
        write_run([1, 0], mask=mask)
    for sparsity in (0.3, 0.6, 0.9):
        _found(tmp_path, ticket.model_copy(update={"sparsity": sparsity}), 40.0)
    _benchmark(tmp_path, f"rewinds/bert/rte/{RECIPE}/step20/seed1.safetensors", 5.0, 4.0)
    spec = _spec(masks=[mask.label() for mask in masks])
    row = compute_tables(tmp_path, spec)["cost"].to_pylist()[-1]
    assert (row["mask_jobs"], row["mask_seconds"], row["mask_cpu_seconds"]) == (4, 125, 7)


def test_benchmarks_are_looked_for_where_rules_put_them() -> None:
    for stage, benchmark in {
        mask_stages.MASK: cost.MASK_JOB,
        mask_stages.TICKET: cost.MASK_JOB,
        run_stages.REWIND: cost.REWIND_JOB,
        run_stages.RUN: cost.RUN_JOB,
    }.items():
        assert benchmark == f"benchmarks/{stage.record}.tsv"


def test_what_benchmarks_do_not_say_is_null(tmp_path: Path, small_study: DifferenceSpec) -> None:
    """A copied results folder may lack them; Snakemake sees nothing of a short job."""
    _find_all(tmp_path)
    (tmp_path / f"benchmarks/masks/bert/{TICKET.format(1, '0.30')}.tsv").unlink()
    _found(tmp_path, Magnitude(sparsity=0.3), 2.0, "NA")
    _found(tmp_path, Magnitude(sparsity=0.6), 2.0, 0.0)
    (tmp_path / "masks/bert/magnitude-global-s0.50.json").unlink()
    rows = compute_tables(tmp_path, small_study)["cost"].to_pylist()
    found = {
        (r["mask"], r["seed"]): (r["mask_jobs"], r["mask_seconds"], r["mask_cpu_seconds"])
        for r in rows
    }
    assert found["magnitude-global-s0.30", 1] == (1, 2, None)
    assert found["magnitude-global-s0.60", 1] == (1, 2, None)
    assert found["magnitude-global-s0.50", 1] == (None, None, None)
    assert found["ticket-global-step0.30-s0.60", 1] == (2, None, None)
    assert found["ticket-global-step0.30-s0.60", 2] == (2, 200, 80.5)


def test_command_line_and_summary(tmp_path: Path, small_study: DifferenceSpec) -> None:
    _find_all(tmp_path)
    output = tmp_path / "studies/s/tickets"
    command = [sys.executable, "-m", tables_stage.STAGE, FIGURE_KINDS["difference"].package]
    (tmp_path / "inputs").write_text("\n".join(runs_of(tmp_path)))
    command += ["--spec", small_study.canonical(), "--inputs", "inputs", "--output", str(output)]
    subprocess.run(command, cwd=tmp_path, check=True)
    for name, schema in SCHEMAS.items():
        table = pq.read_table(output / f"{name}.parquet")
        assert table.schema.remove_metadata() == schema
        assert origin_of(table)["spec"] == small_study.document()
    row = pq.read_table(output / "difference.parquet").to_pylist()
    ends = [f"{row[i]['difference_low']:+.1f}, {row[i]['difference_high']:+.1f}" for i in (0, 1)]
    lines = summarize_differences(output).splitlines()
    assert lines[0] == (
        "tickets: points of ticket, global, steps of 30 % over magnitude, global [95 % interval]"
    )
    assert " ".join(lines[1].split()) == "model task lowest sparsity highest sparsity seeds"
    assert " ".join(lines[2].split()) == (
        f"bert rte 30 %: -5.0 [{ends[0]}] 60 %: +25.0 [{ends[1]}] 2"
    )
    assert lines[3:] == [
        "finding a mask of 60 %, by the clock: 2.5 min by ticket, global, steps of 30 %; 2 s by "
        "magnitude,",
        "  global (75 times)",
    ]
    assert max(map(len, lines)) <= WIDTH


def test_without_times_the_summary_speaks_of_none(
    tmp_path: Path, small_study: DifferenceSpec
) -> None:
    for name, table in compute_tables(tmp_path, small_study).items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
    assert "finding" not in summarize_differences(tmp_path)
    assert np.isfinite(pq.read_table(tmp_path / "difference.parquet")["difference"]).all()
