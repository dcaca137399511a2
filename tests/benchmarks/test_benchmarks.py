"""The benchmark on a miniature: every contestant runs, and all make the same masks."""

import json
import time
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from benchmarks import bootstrap, contestant, masks, similarity
from benchmarks.contestant import Cost, Failed, measure
from benchmarks.report import render
from benchmarks.scratch import Scratch
from benchmarks.section import Claim, Section
from essential_sparsity.masks.mask import Mask


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch(tmp_path / "scratch", keep=True)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run contestants in this process, where torch is loaded once; return the list of who ran."""
    ran = []

    def run(name: str, options: str) -> Cost:
        module, _, function = name.partition(".")
        start = time.perf_counter()
        getattr(import_module(f"benchmarks.contestants.{module}"), function)(**json.loads(options))
        ran.append(name)
        took = time.perf_counter() - start
        return Cost(took, took, took, 1 << 20)

    monkeypatch.setattr(contestant, "_run", run)
    return ran


def test_every_section_on_a_miniature(scratch: Scratch, in_process: list[str]) -> None:
    found = [
        masks.compare_with_torch(scratch, "miniature", calls=2, repeats=1),
        masks.measure_large(scratch, "miniature", repeats=1),
        masks.compare_patterns(scratch, "miniature", repeats=1),
        similarity.compare_pairs(scratch, "miniature", pairs=1, repeats=1),
        bootstrap.compare_bootstraps(repeats=1, share=0.02),
    ]
    text = render(found, "a machine.", 0.0)
    for label in ("prune.global_unstructured", "numpy.partition", "plain pass", "cosine", "scipy"):
        assert label in text
    assert "nan" not in text
    assert {name.partition(".")[0] for name in in_process} == {
        "ours", "plain", "torch_masks", "numpy_masks", "torch_similarity", "bootstrap",
    }  # fmt: skip


def test_contestants_make_the_same_masks(scratch: Scratch, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from benchmarks.contestants import numpy_masks, ours, torch_masks

    folder = str(scratch.checkpoint("miniature"))
    sparsities = [0.3, 0.6]
    ours.masks(folder, str(tmp_path / "ours"), sparsities, verify=True)
    ours.pattern(folder, str(tmp_path / "ours"), "2:4")
    torch_masks.global_unstructured(folder, str(tmp_path / "torch"), sparsities)
    torch_masks.topk(folder, str(tmp_path / "topk"), 2, 4)
    numpy_masks.partition(folder, str(tmp_path / "numpy"), sparsities)
    for sparsity in sparsities:
        mask = Mask.load(tmp_path / f"ours/magnitude-global-s{sparsity:.2f}.safetensors")
        theirs = torch.load(tmp_path / f"torch/{sparsity}.pt")
        assert set(theirs) == set(mask.matrices)
        for name, kept in theirs.items():
            assert np.array_equal(mask.keep(name), kept.numpy())
        # The file's order is the matrix order, and no matrix ends inside a byte.
        packed = np.concatenate(list(mask.packed.values()))
        assert np.array_equal(packed, np.load(tmp_path / f"numpy/{sparsity}.npy"))
    mask = Mask.load(tmp_path / "ours/magnitude-2of4.safetensors")
    for name, kept in torch.load(tmp_path / "topk/2of4.pt").items():
        assert np.array_equal(mask.keep(name), kept.numpy())


def test_costs_are_those_of_a_process_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(1000))
    cost = measure("plain.read", repeats=2, files=[file])
    assert 0 < cost.work < cost.whole
    assert cost.processor > 0 and cost.peak > 5 << 20
    with pytest.raises(Failed, match=r"plain\.read .*missing"):
        measure("plain.read", files=[tmp_path / "missing"])


def test_what_is_done_once_is_not_scaled() -> None:
    start, some = Cost(1.0, 2.0, 3.0, 10), Cost(3.0, 4.0, 7.0, 20)
    assert start.extended(some, 4.5) == Cost(10.0, 11.0, 21.0, 20)


def test_an_unmet_bound_is_said_loudly() -> None:
    cost = Cost(1.0, 2.0, 3.0, 4 << 20)
    section = Section("T", "text", [("ours", cost), ("other", cost)])
    section.claims = [Claim("memory", 2.5, " GiB", at_most=2), Claim("speed", 130, at_least=120)]
    assert [claim.holds for claim in section.claims] == [False, True]
    lines = section.markdown().splitlines()
    assert "- memory: **2.50 GiB** (at most 2.00 GiB wanted) **NOT MET**" in lines
    assert "- speed: **130×** (at least 120× wanted)" in lines
