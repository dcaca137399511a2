"""A finished tiny study with one file of every kind, to be damaged and mended in this process."""

from pathlib import Path

import pyarrow as pa
import pytest
import torch

from essential_sparsity.checkpoints.weights import write_weights
from essential_sparsity.study.jobs import load_study
from essential_sparsity.study.resolve import Resolved
from essential_sparsity.support.files import write_json
from essential_sparsity.support.tables import write_table
from project import Project

ORIGIN = {"stage": "test", "spec": {}}


@pytest.fixture(scope="module")
def whole(finished_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the finished project, with the kinds of artifacts that its study has not."""
    project = finished_project.copy(tmp_path_factory.mktemp("whole") / "clone")
    results, table = project.results, pa.table({"score": [1.0, 2.0], "name": ["a", "b"]})
    for path in (
        "similarity/tiny-bert/0123abcd.parquet",
        "distribution/tiny-bert/0123abcd.parquet",
        "trainings/tiny-bert/ticket-s0.20/metrics.parquet",
    ):
        write_table(results / path, table, ORIGIN)
    tensors = {"w": torch.arange(30.0)}
    for path in (
        "trainings/tiny-bert/ticket-s0.20/head.safetensors",
        "rewinds/tiny-bert/mood/quick-1/step3/seed1.safetensors",
    ):
        (results / path).parent.mkdir(parents=True, exist_ok=True)
        write_weights(results / path, tensors, sealed=True)
    write_json(results / "studies/tiny/drop/search/round1.json", {"number": 1, "curves": []})
    return project


@pytest.fixture(scope="module")
def study(whole: Project) -> Resolved:
    return load_study(whole.folder / "study.yaml", whole.folder, whole.results)


def only(results: Path, pattern: str) -> Path:
    """Return the one file that fits, or the first of several alike."""
    return sorted(results.glob(pattern))[0]
