"""A study's folder as the stages before the report leave it, made from what matters of it."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from essential_sparsity.claims.evaluation import SCHEMA as CLAIMS
from essential_sparsity.figures.difference import tables as difference
from essential_sparsity.figures.drop import tables as drop
from essential_sparsity.report.spec import ExperimentRow, RecipeRow, ReportSpec
from essential_sparsity.support.files import write_json

ROOT = Path(__file__).parents[2]

# (task, estimate, its end of the grid, dense score, resolved)
CURVES = (
    ("rte", 0.55, "", 72.3, False),
    ("sst2", 0.9, "above", 91.8, True),
    ("mnli", 0.1, "below", 84.6, True),
)


def spec(study: str = "tiny", label: str = "BERT-base", **more: Any) -> ReportSpec:
    """Return the spec of a study with one experiment of drops and one of differences."""
    tasks = {"rte": "RTE", "sst2": "SST-2", "mnli": "MNLI"}
    masks = ("magnitude, global: 10 %, 50 %, 90 %",)
    common: dict[str, Any] = {"models": ("bert",), "tasks": tuple(tasks), "masks": masks}
    return ReportSpec(
        study=study,
        models={"bert": label},
        tasks=tasks,
        recipes=tuple(
            RecipeRow(
                task=task,
                recipe="paper-12345678",
                metric="accuracy",
                settings={"epochs": 5, "batch_size": 32, "learning_rate": 2e-5, "max_length": 128},
            )
            for task in tasks
        ),
        experiments=(
            ExperimentRow(name="drop", figure="drop", seeds=(1, 2, 3), **common),
            ExperimentRow(name="tickets", figure="difference", seeds=(1, 2), **common),
        ),
        **{"files": ("studies/tiny.yaml",), "configuration": "study: tiny\n", **more},
    )


def write_study(folder: Path, claim: str = "bert-base loses nothing at 21.5 %") -> Path:
    """Write tables, figures, claims and provenance to `folder`; return it."""
    _write(folder / "drop/runs.parquet", drop.SCHEMAS["runs"], [{"run": "runs/bert"}])
    _write(folder / "drop/drop.parquet", drop.SCHEMAS["drop"], [])
    _write(folder / "drop/essential.parquet", drop.SCHEMAS["essential"], essential_rows())
    _write(folder / "drop/sharpness.parquet", drop.SCHEMAS["sharpness"], _sharpness())
    for name, rows in (("runs", []), ("difference", _difference()), ("cost", _cost())):
        _write(folder / f"tickets/{name}.parquet", difference.SCHEMAS[name], rows)
    for name, width in (("drop", 2070), ("tickets", 990), ("essential", 2070)):
        _draw(folder / "figures" / name, width)
    _write(folder / "claims.parquet", CLAIMS, _claims(claim))
    write_json(folder / "provenance.json", provenance())
    return folder


def provenance() -> dict[str, Any]:
    """Return a provenance as its stage writes it."""
    digest = "0123456789abcdef" * 4
    source = {"kind": "hub", "repository": "google-bert/bert-base-uncased", "commit": "c" * 40}
    stage = {"seconds": 4000.0, "cpu_seconds": 3600.0, "gpu_seconds": None, "memory_mib": 2048.0}
    return {
        "format_version": 1,
        "study": "tiny",
        "code": {"commit": "d" * 40, "clean": True},
        "machine": {
            "system": "Linux x86_64", "cpu": "Some CPU", "cores": 2, "memory_gib": 16.0, "gpus": [],
        },
        "models": {
            "bert": {
                "architecture": "bert", "source": source, "sha256": digest,
                "files": {"config.json": digest, "model.safetensors": digest},
                "parameters": 109482240, "prunable": 84934656,
            }
        },
        "tasks": {
            "tasks/rte/bert-128": {
                "kind": "text-classification",
                "data": {"kind": "hub", "repository": "nyu-mll/glue", "config": "rte"},
                "corpus": {"commit": "b" * 40},
                "splits": {"train": {"examples": 2490}, "evaluation": {"examples": 277}},
            }
        },
        "runs": {"count": 36, "found": 36, "first": "2026-01-02", "last": "2026-01-03"},
        "devices": [{"device": "cpu", "devices": 1, "precision": "fp32", "trainings": 36}],
        "versions": {"python": ["3.11.7"], "torch": ["2.13.0", "2.13.0+cpu"]},
        "stages": [
            {"stage": "masks", "jobs": 4, "measured": 4, **stage},
            {"stage": "runs", "jobs": 36, "measured": 35, **stage, "gpu_seconds": 7200.0},
        ],
    }  # fmt: skip


def _write(path: Path, schema: pa.Schema, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema), path)


def _draw(stem: Path, width: int) -> None:
    stem.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", (width, width // 2), "white")
    ImageDraw.Draw(picture).line((0, 0, width, width // 2), "black", 8)
    picture.save(stem.with_suffix(".png"))
    for end in ("pdf", "parquet"):
        stem.with_suffix(f".{end}").write_bytes(b"-")


_FAMILY = {
    "family": "magnitude-global", "label": "magnitude, global", "criterion": "magnitude",
    "scope": "global",
}  # fmt: skip
_CURVE = {"model": "bert", "recipe": "paper-12345678", **_FAMILY}


def essential_rows() -> list[dict[str, Any]]:
    """Return rows of `essential`: three curves, two tolerances each."""
    return [
        {
            **_CURVE, "task": task, "tolerance": tolerance, "epsilon": epsilon,
            "relative": False, "main": epsilon == 1.0, "confidence": 0.95,
            "estimate": estimate, "low": max(estimate - 0.05, 0.1), "high": estimate,
            "estimate_censored": end, "low_censored": end, "high_censored": end,
            "first_crossing": 0.5, "last_crossing": 0.6,
            "first_crossing_censored": "", "last_crossing_censored": "",
            "crossings_differ": task == "rte",
            "certified": None if task == "rte" else estimate,
            "certified_censored": end if end == "above" else "",
            "certification_level": 0.95,
            "uncertified_because": "one seed" if task == "rte" else None,
            "metric": "accuracy", "dense_score": dense, "dense_low": dense - 2,
            "dense_high": dense + 2, "constant": 50.0, "seeds": 3, "examples": 277, "failed": 0,
            "resolution": 0.5 if resolved else 2.8, "resolved": resolved,
        }
        for task, estimate, end, dense, resolved in CURVES
        for tolerance, epsilon in (("0.5 points", 0.5), ("1 point", 1.0))
    ]  # fmt: skip


def _sharpness() -> list[dict[str, Any]]:
    return [{**_CURVE, "task": task, "shape": "sharp"} for task, *_ in CURVES]


_POINT = {**_CURVE, "label": "ticket, global", "mask": "ticket-global-s0.50", "sparsity": 0.5}


def _difference() -> list[dict[str, Any]]:
    return [
        {
            **_POINT, "task": task, "baseline_label": "magnitude, global", "seeds": 2,
            "score": 70.0, "baseline_score": 71.2, "difference": -1.2, "difference_low": -2.0,
            "difference_high": 0.3, "confidence": 0.95, "failed": 0,
        }
        for task, *_ in CURVES
    ]  # fmt: skip


def _cost() -> list[dict[str, Any]]:
    return [
        {
            **_POINT, "task": "rte", "seed": seed, "mask_jobs": 5, "mask_seconds": 100.0 * seed,
            "mask_cpu_seconds": None, "run_seconds": 30.0,
        }
        for seed in (1, 2)
    ]  # fmt: skip


def _claims(statement: str) -> list[dict[str, Any]]:
    common = {"paper": "§4", "paper_value": "no drop", "unit": "points", "models": ["bert"]}
    return [
        {
            **common, "claim": "C2", "statement": statement, "measured": -0.2, "low": -1.5,
            "high": 0.9, "measured_censored": "below", "epsilon": 1.0, "verdict": "not resolved",
            "reason": "RTE has 277 examples", "experiments": ["drop"], "own": False,
        },
        {
            **common, "claim": "C10", "statement": "further than others", "measured": None,
            "low": None, "high": None, "measured_censored": None, "verdict": "holds",
            "reason": "", "experiments": [], "own": True,
        },
    ]  # fmt: skip
