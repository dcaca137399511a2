"""The code fingerprint: what a stage's artifacts owe to the code that made them.

It is a hash over the stage's module and every module of this package that it imports, directly
or not, read from the syntax tree: comments, docstrings and layout leave no trace. Editing a stage
thus re-runs that stage and what lies behind it, and nothing else.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

_PACKAGE = "essential_sparsity"
_ROOT = Path(__file__).parents[1]


@cache
def fingerprint(*modules: str) -> str:
    """Return twelve hexadecimal digits for `modules` (`essential_sparsity.masks`, say) together."""
    digest = hashlib.sha256()
    for name in sorted({name for module in modules for name in closure(module)}):
        digest.update(f"{name}\n{_essence(_file_of(name))}\n".encode())
    return digest.hexdigest()[:12]


def closure(module: str) -> set[str]:
    """Return the names of the package's modules that running `module` can import, itself included.

    A package counts as its `__init__` and, where it is the module that is run, its `__main__`.
    """
    start = f"{module}.__main__" if (_ROOT / _relative(module) / "__main__.py").exists() else module
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in seen or _file_of(name) is None:
            continue
        seen.add(name)
        parent = name.rpartition(".")[0]
        waiting += [parent] if parent else []
        waiting += _imports(_file_of(name))
    return seen


def _relative(name: str) -> Path:
    return Path(*name.split(".")[1:])


@cache
def _file_of(name: str) -> Path | None:
    base = _ROOT / _relative(name)
    for candidate in (base / "__init__.py", base.with_suffix(".py")):
        if candidate.is_file() and (name != _PACKAGE or candidate.parent == _ROOT):
            return candidate
    return None


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _imports(path: Path | None) -> tuple[str, ...]:
    if path is None:
        return ()
    found: list[str] = []
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from package import name`: the name may be a module or something inside one.
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(name for name in found if name.split(".")[0] == _PACKAGE)


@cache
def _essence(path: Path | None) -> str:
    """Return the file's syntax tree as a text, without docstrings, the same in all Pythons.

    Fields that are empty are left out, since newer Pythons add such fields.
    """
    if path is None:
        return ""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    return _text(tree)


def _text(node: object) -> str:
    if isinstance(node, list):
        return "[" + ",".join(map(_text, node)) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [f"{k}={_text(v)}" for k, v in ast.iter_fields(node) if v is not None and v != []]
    return f"{type(node).__name__}({','.join(fields)})"
