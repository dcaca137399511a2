"""`import essential_sparsity`: what is public, what that says of itself, and what it needs."""

import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import essential_sparsity
from small_inputs import write_bert, write_predictions

PUBLIC = essential_sparsity.__all__


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the examples run: `tiny-bert` and `predictions.parquet` lie there."""
    write_bert(tmp_path / "tiny-bert")
    write_predictions(tmp_path / "predictions.parquet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_says_what_it_is_with_an_example_that_runs(
    name: str, place: Path
) -> None:
    value = getattr(essential_sparsity, name)
    found = doctest.DocTestFinder(recurse=False).find(value, name, globs={})
    assert found and found[0].examples, f"{name}: its docstring has no example"
    runner = doctest.DocTestRunner(verbose=False)
    report: list[str] = []
    assert runner.run(found[0], out=report.append).failed == 0, "".join(report)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_argument_and_every_error_is_described(name: str) -> None:
    value = getattr(essential_sparsity, name)
    if inspect.isfunction(value):
        text = inspect.getdoc(value) or ""
        for argument in inspect.signature(value).parameters:
            assert re.search(rf"^    {argument}: ", text, re.MULTILINE), f"{name}: {argument}"
        assert "Raises:" in text or name.startswith("format_")


def test_the_import_is_quick_and_needs_neither_torch_nor_the_workflow(place: Path) -> None:
    """All public work is done with the libraries of training and of the workflow out of reach."""
    code = """
import sys, time
for name in ("torch", "transformers", "snakemake", "matplotlib", "sklearn", "datasets"):
    sys.modules[name] = None
began = time.process_time()
import essential_sparsity as es
took = time.process_time() - began
assert took < 0.5, took
assert not {"numpy", "pydantic", "pandas"} & set(sys.modules)
with es.open_checkpoint("tiny-bert") as checkpoint:
    masks = es.compute_masks(checkpoint, [0.5, 0.3])
    es.apply_mask(masks[0], checkpoint, "half")
es.compare_masks(masks)
assert not {"pandas", "pyarrow", "scipy"} & set(sys.modules), "masks need no statistics"
import pandas
list(es.curve_of(pandas.read_parquet("predictions.parquet")).essential_rows())
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_that_are_not_there_are_errors() -> None:
    with pytest.raises(AttributeError, match="module 'essential_sparsity' has no attribute 'mask'"):
        essential_sparsity.mask  # noqa: B018
    assert set(PUBLIC) < set(dir(essential_sparsity))


def test_the_types_of_public_names_are_declared() -> None:
    stub = Path(essential_sparsity.__file__).with_name("__init__.pyi").read_text()
    declared = dict(
        reversed(match) for match in re.findall(r"from (\S+) import (\w+) as \w+", stub)
    )
    assert declared == {name: getattr(essential_sparsity, name).__module__ for name in PUBLIC}
