"""The code fingerprint: what a stage can import counts, and only what it does."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from essential_sparsity.figures.kinds import EXPERIMENT_KINDS, FIGURE_KINDS
from essential_sparsity.masks.registry import known_criteria, module_of
from essential_sparsity.support.fingerprint import closure

PACKAGE = Path(__file__).parents[1] / "workflow" / "essential_sparsity"
STAGES = [
    "essential_sparsity.checkpoints",
    "essential_sparsity.tasks",
    "essential_sparsity.masks",
    "essential_sparsity.masks.histogram",
    *map(module_of, known_criteria()),
    "essential_sparsity.runs",
    "essential_sparsity.search",
    "essential_sparsity.claims",
    "essential_sparsity.report.summary",
    "essential_sparsity.figures.tables_stage",
    "essential_sparsity.figures.drawing_stage",
    *(kind.statistics for kind in EXPERIMENT_KINDS.values()),
    *(kind.drawing for kind in FIGURE_KINDS.values()),
    *(kind.measurement for kind in FIGURE_KINDS.values() if kind.measurement),
]


def fingerprint_in(folder: Path, stage: str) -> str:
    """Return the fingerprint that a copy of the package gives."""
    code = (
        "from essential_sparsity.support.fingerprint import fingerprint\n"
        f"print(fingerprint('{stage}'))"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "essential_sparsity", ignore=ignore)
    return tmp_path


def test_layout_comments_and_docstrings_leave_no_trace(copy: Path) -> None:
    before = fingerprint_in(copy, "essential_sparsity.masks")
    file = copy / "essential_sparsity" / "masks" / "cuts.py"
    text = file.read_text().replace("    ties: int\n", "    ties: int  # a comment\n\n\n")
    file.write_text('"""Another docstring."""\n\n\n' + text.partition('"""\n\n')[2])
    assert fingerprint_in(copy, "essential_sparsity.masks") == before


@pytest.mark.parametrize("module", ["masks/cuts.py", "masks/__main__.py", "support/files.py"])
def test_code_anywhere_in_the_closure_counts(copy: Path, module: str) -> None:
    before = fingerprint_in(copy, "essential_sparsity.masks")
    file = copy / "essential_sparsity" / module
    file.write_text(file.read_text() + "\nCHANGED = True\n")
    assert fingerprint_in(copy, "essential_sparsity.masks") != before


def test_other_stages_do_not_count(copy: Path) -> None:
    before = fingerprint_in(copy, "essential_sparsity.masks")
    for module in (
        "runs/procedures/fine_tuning/run.py",
        "figures/drop/draw.py",
        "figures/drop/tables.py",
        "study/jobs.py",
        "study/resolve.py",
    ):
        file = copy / "essential_sparsity" / module
        file.write_text(file.read_text() + "\nCHANGED = True\n")
    assert fingerprint_in(copy, "essential_sparsity.masks") == before


KIND_STAGES = sorted({stage for stage in STAGES if ".figures." in stage})


@pytest.mark.parametrize("stage", KIND_STAGES)
def test_a_kind_of_figure_owes_nothing_to_claims_or_to_other_kinds(stage: str) -> None:
    """Editing a claim's check redraws no figure, and a new kind re-makes no other's."""
    modules = closure(stage)
    prefix = "essential_sparsity.figures."
    own = stage.removeprefix(prefix).split(".")[0]
    packages = {n.removeprefix(prefix).split(".")[0] for n in modules if n.startswith(prefix)}
    assert packages & set(FIGURE_KINDS) <= {own}
    assert "kinds" not in packages
    assert not any(name.startswith("essential_sparsity.claims") for name in modules)
    assert not any(name.startswith("essential_sparsity.report") for name in modules)


def test_what_a_kind_says_of_itself_loads_nothing_heavy() -> None:
    code = "import sys, essential_sparsity.figures.kinds; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"torch", "transformers", "pandas", "pyarrow", "matplotlib"}


@pytest.mark.parametrize("stage", STAGES)
def test_the_closure_holds_every_module_that_the_stage_imports(stage: str) -> None:
    """Independently: import all of the closure, and nothing of the package comes besides."""
    names = sorted(closure(stage))
    code = (
        "import sys, importlib\n"
        f"for name in {names!r}:\n"
        "    if not name.endswith('__main__'): importlib.import_module(name)\n"
        "print(*[n for n in sys.modules if n.startswith('essential_sparsity')])"
    )
    imported = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    # Metrics are found by name: stages add those that they use.
    found = {name for name in imported if name.startswith("essential_sparsity.metrics.")}
    assert set(imported) - found <= set(names)


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_depends_on_the_study_or_on_other_stages_science(stage: str) -> None:
    modules = closure(stage)
    assert not modules & {
        "essential_sparsity.study.resolve",
        "essential_sparsity.study",
        "essential_sparsity.study.catalog",
    }
    if ".figures." in stage:
        assert not any(".runs" in name for name in modules)
    if stage == "essential_sparsity.masks":
        assert not any(name.startswith("essential_sparsity.runs") for name in modules)


def test_nothing_is_imported_by_a_name_that_the_syntax_hides() -> None:
    """A closure read from the syntax tree is only right if nobody imports by computed names.

    But for the registries of criteria, figures, data sources and kinds of examples, since the
    workflow adds the fingerprint of the one that is meant, and for what is no stage but for people:
    the command and the public names.
    """
    assert not any("essential_sparsity.command" in closure(stage) for stage in STAGES)
    allowed = {
        PACKAGE / "figures" / "kind.py",
        PACKAGE / "figures" / "tables_stage.py",
        PACKAGE / "figures" / "drawing_stage.py",
        PACKAGE / "masks" / "registry.py",
        PACKAGE / "tasks" / "source.py",
        PACKAGE / "tasks" / "kinds" / "__init__.py",
        PACKAGE / "architectures" / "__init__.py",
        PACKAGE / "metrics" / "__init__.py",
        PACKAGE / "runs" / "__main__.py",
        PACKAGE / "runs" / "heads" / "__init__.py",
        PACKAGE / "runs" / "procedures" / "__init__.py",
        PACKAGE / "tickets" / "__main__.py",
        PACKAGE / "command" / "__main__.py",
        PACKAGE / "__init__.py",  # public names, which nothing in the package takes from there
    }
    for file in set(PACKAGE.rglob("*.py")) - allowed:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in {"__import__", "importlib.import_module", "import_module"}, file
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}: relative import"
