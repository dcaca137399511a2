"""The estimators are a library of their own: arrays in, numbers out, nothing else imported."""

import ast
import subprocess
import sys
from pathlib import Path

import essential_sparsity.estimators

FOLDER = Path(essential_sparsity.estimators.__file__).parent
# Special functions alone are scipy's.
ALLOWED = {"numpy", "scipy.special", "essential_sparsity.estimators"}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module))
    return found


def test_they_import_numpy_the_standard_library_and_each_other() -> None:
    files = sorted(FOLDER.rglob("*.py"))
    assert len(files) > 5
    for file in files:
        others = {
            name
            for name in imports(file)
            if name.split(".")[0] not in sys.stdlib_module_names
            and not any(name == known or name.startswith(f"{known}.") for known in ALLOWED)
        }
        assert not others, file.name


def test_they_load_without_anything_heavy() -> None:
    names = [f"essential_sparsity.estimators.{f.stem}" for f in FOLDER.glob("*.py")]
    code = f"import sys\n{''.join(f'import {name}; ' for name in names)}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"pyarrow", "pandas", "pydantic", "scipy", "torch", "matplotlib", "yaml"}
