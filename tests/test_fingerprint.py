"""The code fingerprint: what changes results changes it, and nothing else does."""

import ast
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from essential_sparsity.figures.kinds import EXPERIMENT_KINDS, FIGURE_KINDS
from essential_sparsity.masks.registry import known_criteria, module_of
from essential_sparsity.runs import procedures
from essential_sparsity.support.fingerprint import (
    Definition,
    Reach,
    Source,
    fingerprint,
)

PACKAGE = Path(__file__).parents[1] / "workflow" / "essential_sparsity"
INFRASTRUCTURE = ["essential_sparsity.support"]
MASK = ("essential_sparsity.masks", module_of("magnitude"))
BERT = "essential_sparsity.architectures.bert"
HEAD = "essential_sparsity.runs.heads.text_classification"
RUN = ("essential_sparsity.runs", HEAD, *procedures.code_of("fine-tuning"), BERT)
ACCURACY = "essential_sparsity.metrics.accuracy"
TABLES = "essential_sparsity.figures.tables_stage"
DRAWING = "essential_sparsity.figures.drawing_stage"
STAGES = {
    "checkpoint": ("essential_sparsity.checkpoints", BERT),
    "task": (
        "essential_sparsity.tasks",
        "essential_sparsity.tasks.local_files",
        "essential_sparsity.tasks.kinds.text_classification",
    ),
    "mask": (*MASK, BERT),
    "histogram": ("essential_sparsity.masks.histogram",),
    "run": RUN,
    "ticket": ("essential_sparsity.tickets", module_of("ticket"), *RUN[1:]),
    "rewind": ("essential_sparsity.tickets.rewind", *RUN),
    "search": ("essential_sparsity.search", ACCURACY),
    "claims": ("essential_sparsity.claims",),
    "summary": ("essential_sparsity.report.summary", ACCURACY),
    **{f"{name} criterion": (module_of(name),) for name in known_criteria()},
    **{
        f"{kind.name} tables": (TABLES, kind.statistics, ACCURACY)
        for kind in EXPERIMENT_KINDS.values()
    },
    **{f"{kind.name} figure": (DRAWING, kind.drawing, ACCURACY) for kind in FIGURE_KINDS.values()},
    **{f"{k.name} measured": (k.measurement,) for k in FIGURE_KINDS.values() if k.measurement},
}


def key(folder: Path, *roots: str) -> str:
    """Return the fingerprint by the sources in `folder`/essential_sparsity."""
    return Reach(Source(folder / "essential_sparsity", INFRASTRUCTURE), roots).digest()


def keys(folder: Path) -> dict[str, str]:
    return {stage: key(folder, *roots) for stage, roots in STAGES.items()}


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    return keys(PACKAGE.parent)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "essential_sparsity", ignore=ignore)
    return tmp_path


def edit(folder: Path, path: str, old: str, new: str) -> None:
    file = folder / "essential_sparsity" / path
    text = file.read_text()
    assert text.count(old) == 1, (path, old, text.count(old))
    file.write_text(text.replace(old, new))


def rewrite(folder: Path, change: Callable[[ast.Module], ast.AST], outside: str = "") -> None:
    """Write every module anew from its changed syntax tree, but for those of a folder."""
    for file in (folder / "essential_sparsity").rglob("*.py"):
        if not outside or outside not in file.parts:
            file.write_text(ast.unparse(change(ast.parse(file.read_text()))))


# A package of a few lines, in which one thing is changed at a time

SMALL = {
    "stage.py": '''
        """A stage."""
        import math
        import numpy as np
        from essential_sparsity.part import Shape, weigh
        from essential_sparsity.support.tools import write

        LIMIT = 3

        def _double(value: float) -> float:
            return 2 * value

        def main() -> None:
            total = 0.0
            for index in range(LIMIT):
                total += _double(weigh(Shape(index)))
            if total > 100:
                raise ValueError(f"{total} is too much")
            write(np.array([total]), math.pi)

        def _unused() -> int:
            return 1

        if __name__ == "__main__":
            main()
    ''',
    "part.py": '''
        """A part."""
        from dataclasses import dataclass

        @dataclass
        class Shape:
            side: int
            colour: str = "red"

            def area(self) -> int:
                return self._square(self.side)

            def _square(self, side):
                result = side * side
                return result

        def weigh(shape: Shape) -> float:
            """Weigh."""
            return 0.5 * shape.area()

        def other() -> int:
            return 7
    ''',
    "support/tools.py": """
        def write(array, number):
            print(array, number)
    """,
    "support/__init__.py": "",
    "__init__.py": "",
}


def small(tmp_path: Path, **files: str) -> str:
    """Return the fingerprint of `stage` in the small package, with other files in place of its."""
    folder = tmp_path / "essential_sparsity"
    shutil.rmtree(folder, ignore_errors=True)
    given = {
        name if "." in name else f"{name.replace('__', '/', 1)}.py": text
        for name, text in files.items()
    }
    for name, text in {**SMALL, **given}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text))
    return key(tmp_path, "essential_sparsity.stage")


def changed(tmp_path: Path, file: str, *edits: tuple[str, str]) -> bool:
    """Tell whether edits of a file of the small package change the fingerprint."""
    text = SMALL[f"{file}.py"]
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    return small(tmp_path, **{file.replace("/", "__"): text}) != small(tmp_path)


@pytest.mark.parametrize(
    ("file", "edits"),
    [
        ("stage", [("is too much", "is more than 100")]),
        ("stage", [("_double", "_twice")]),
        ("stage", [("LIMIT", "STEPS")]),
        ("stage", [("total", "sum_of_all"), ("index", "number")]),
        ("stage", [("np", "numpy_")]),
        ("stage", [("import numpy as np", "from numpy import array"), ("np.array", "array")]),
        ("stage", [("value: float", "value: int")]),
        ("stage", [("return 1", "return 2")]),
        ("stage", [("total = 0.0", "total: float = 0.0  # of all")]),
        ("stage", [("write(np", 'print(f"{total:.2f} in all")\n            write(np')]),
        ("part", [("_square", "_power")]),
        ("part", [("result", "found")]),
        ("part", [("Weigh.", "Return half the area.")]),
        ("part", [("return 7", "return 8")]),
        ("support/tools", [("print(array, number)", "print(number)")]),
    ],
)
def test_what_changes_no_result_changes_nothing(
    tmp_path: Path, file: str, edits: list[tuple[str, str]]
) -> None:
    assert not changed(tmp_path, file, *edits)


@pytest.mark.parametrize(
    ("file", "edits"),
    [
        ("stage", [("LIMIT = 3", "LIMIT = 4")]),
        ("stage", [("2 * value", "3 * value")]),
        ("stage", [("total > 100", "total > 10")]),
        ("stage", [("raise ValueError", "raise TypeError")]),
        ("stage", [("np.array", "np.asarray")]),
        ("stage", [("math.pi", "math.tau")]),
        ("stage", [("total +=", "index +=")]),
        ("stage", [("write(np", "save(np"), ("import write", "import save")]),
        ("part", [("0.5", "0.25")]),
        ("part", [('"red"', '"blue"')]),
        ("part", [("side: int", "side: float")]),
        ("part", [("self._square(self.side)", "self.side")]),
        ("part", [("@dataclass", "@dataclass(frozen=True)")]),
        ("part", [("(shape: Shape)", "(shape: Shape, factor: int = 2)")]),
    ],
)
def test_what_may_change_a_result_changes_it(
    tmp_path: Path, file: str, edits: list[tuple[str, str]]
) -> None:
    assert changed(tmp_path, file, *edits)


def test_a_function_may_lie_anywhere(tmp_path: Path) -> None:
    text = SMALL["part.py"]
    place = text.index("        def weigh")
    moved = "        from essential_sparsity.part import Shape\n" + text[place:]
    stage = SMALL["stage.py"].replace(
        "from essential_sparsity.part import Shape, weigh",
        "from essential_sparsity import part\n        from essential_sparsity.scales import weigh",
    )
    stage = stage.replace("Shape(index)", "part.Shape(index)")
    elsewhere = small(tmp_path, part=text[:place], scales=moved, stage=stage)
    assert elsewhere == small(tmp_path)


def test_functions_that_call_each_other_count_whole(tmp_path: Path) -> None:
    mutual = """
        def main():
            even(5)
        def even(n):
            return n == 0 or odd(n - 1)
        def odd(n):
            return n != 0 and even(n - 1)
        if __name__ == "__main__":
            main()
    """
    before = small(tmp_path, stage=mutual)
    assert small(tmp_path, stage=mutual.replace("odd", "uneven")) == before
    assert small(tmp_path, stage=mutual.replace("n != 0", "n != 1")) != before


@pytest.mark.parametrize(
    "swap", [("first, second", "second, first"), ("first - second", "second - first")]
)
def test_names_count_where_they_are_what_is_meant(tmp_path: Path, swap: tuple[str, str]) -> None:
    stage = """
        def difference(first, second):
            return first - second
        if __name__ == "__main__":
            difference(first=1, second=2)
    """
    assert small(tmp_path, stage=stage.replace(*swap)) != small(tmp_path, stage=stage)


# What the syntax hides: `{0}` is a value that counts although no reference leads to it.
HIDDEN = {
    "a name that is computed": "repr(globals()['_' + 'found'])\n_found = {0}",
    "a text that is run": "eval('_found')\n_found = {0}",
    "an attribute of a module that is computed": (
        "from essential_sparsity import far\nrepr(getattr(far, 'fo' + 'und'))",
        "found = {0}",
    ),
    "a module as a value": ("from essential_sparsity import far\nrepr(vars(far))", "found = {0}"),
    "a star": ("from essential_sparsity.far import *\nrepr(found)", "found = {0}"),
    "a name that a module makes up": (
        "from essential_sparsity.far import found\nrepr(found)",
        "def __getattr__(name):\n    return {0}",
    ),
    "an import by a text": (
        "import importlib\nimportlib.import_module('essential_sparsity.far').run()",
        "def run():\n    return {0}",
    ),
    "an import inside a function": (
        "def main():\n    from essential_sparsity import far\n    far.run()\nmain()",
        "def run():\n    return {0}",
    ),
    "all modules": (
        "import sys\nimport essential_sparsity.far\nrepr(sys.modules['essential_sparsity.far'])",
        "found = {0}",
    ),
    "subclasses": (
        "import essential_sparsity.far\nfrom essential_sparsity.part import Shape\n"
        "repr(Shape.__subclasses__())",
        "from essential_sparsity.part import Shape\nclass Round(Shape):\n    pi = {0}",
    ),
    "a subclass that announces itself": (
        "import essential_sparsity.far\nfrom essential_sparsity.near import KNOWN\nrepr(KNOWN)",
        "from essential_sparsity.near import Base\nclass Round(Base):\n    pi = {0}",
    ),
    "a decorator that registers": (
        "import essential_sparsity.far\nfrom essential_sparsity.near import FOUND\nrepr(FOUND)",
        "from essential_sparsity.near import register\n@register\ndef run():\n    return {0}",
    ),
    "a patch of something else": (
        "import essential_sparsity.far\nfrom essential_sparsity.part import Shape\nrepr(Shape(1))",
        "from essential_sparsity.part import Shape\nShape.area = lambda self: {0}",
    ),
    "a patch of another package": (
        "import essential_sparsity.far\nimport math\nrepr(math.pi)",
        "import math\nmath.pi = {0}",
    ),
    "an import for what it does": ("import torch\nimport essential_sparsity.far", "import m{0}"),
    "what importing a package does": (
        "from essential_sparsity.box.inner import LENGTH\nrepr(LENGTH)",
        "",
        "import torch\ntorch.set_num_threads({0})",
    ),
    "a definition on a condition": (
        "import sys\nif sys.platform:\n    found = {0}\nelse:\n    found = 0\nrepr(found)"
    ),
    "in place of what is not installed": (
        "try:\n    from math import nothing\nexcept ImportError:\n    nothing = {0}\nrepr(nothing)"
    ),
    "a default value": "def run(value={0}):\n    return value\nrun()",
    "a decorator": (
        "from essential_sparsity.far import times\n@times\ndef run():\n    return 1\nrun()",
        "def times(function):\n    return lambda: {0} * function()",
    ),
    "a base class": (
        "from essential_sparsity.far import Base\nclass Own(Base):\n    pass\nrepr(Own())",
        "class Base:\n    value = {0}",
    ),
    "a re-export": (
        "from essential_sparsity.near import found\nrepr(found)",
        "found = {0}",
    ),
    "the arguments of an error": (
        "def run():\n    raise ValueError({0})\n"
        "try:\n    run()\nexcept ValueError as error:\n    repr(error.args[0] + 1)"
    ),
    "an error with an attribute": (
        "class Stop(Exception):\n    def __init__(self, at):\n        self.at = at\n"
        "def run():\n    raise Stop({0})\n"
        "try:\n    run()\nexcept Stop as stop:\n    repr(stop.at)"
    ),
    "a field's text": (
        "from essential_sparsity.far import Shape\nrepr(Shape.model_fields['side'].description)",
        "from pydantic import BaseModel, Field\nclass Shape(BaseModel):\n"
        "    side: int = Field(1, description='{0}')",
    ),
    "a module's docstring": (
        "from essential_sparsity.far import TEXT\nrepr(TEXT)",
        "'{0}'\nTEXT = __doc__",
    ),
    "a docstring": "def run():\n    '''{0}'''\nrepr(run.__doc__)",
    "a pattern": "match [1, {0}]:\n    case [first, second]:\n        repr(second)",
    "a type in a text": (
        "from essential_sparsity.far import Shape\nrepr(Shape)",
        "from pydantic import BaseModel\nclass Shape(BaseModel):\n    side: 'Side'\n"
        "class Side(BaseModel):\n    length: int = {0}",
    ),
    "a name that a class binds anew": (
        "found = {0}\nclass Own:\n    found = found\nrepr(Own().found)"
    ),
    "an import for what it does, inside": "def main():\n    import m{0}\nmain()",
    "an import of a part for what it does": "import torch\nimport torch.m{0}\nrepr(torch)",
    "a file beside the code": ("repr(__file__)", "", "", "{0}"),
    "a relative import": ("from .far import found\nrepr(found)", "found = {0}"),
    "a name that is bound anew": (
        "from essential_sparsity.far import found\nfound = [found]\nrepr(found)",
        "found = {0}",
    ),
    "a variable called like a global": (
        "found = {0}\ndef run():\n    return [found for found in [found]]\nrun()"
    ),
    "a print into a file": ("def run(file):\n    print({0}, file=file)\nrun(open('results', 'w'))"),
    "a print that does something": "items = [{0}, 2]\nprint(items.pop(0))\nrepr(items)",
    "an exit that does something": "import sys\ndef run():\n    return {0}\nsys.exit(run())",
}
NEAR = """
KNOWN, FOUND = [], {}
from essential_sparsity.far import *
class Base:
    def __init_subclass__(cls):
        KNOWN.append(cls)
def register(function):
    FOUND[function.__name__] = function
    return function
"""


@pytest.mark.parametrize("way", HIDDEN)
def test_what_the_syntax_hides_counts(tmp_path: Path, way: str) -> None:
    found = HIDDEN[way]
    given = (found,) if isinstance(found, str) else found
    stage, far, box, data = (*given, "", "", "")[:4]
    files = {"stage": stage + "\nif __name__ == '__main__':\n    pass", "far": far, "near": NEAR}
    files |= {"box____init__": box, "box__inner": "LENGTH = 1", "table.txt": data}
    one = small(tmp_path, **{name: text.replace("{0}", "1") for name, text in files.items()})
    two = small(tmp_path, **{name: text.replace("{0}", "2") for name, text in files.items()})
    assert one != two


def test_names_that_one_statement_binds_are_told_apart(tmp_path: Path) -> None:
    stage = "ONE, TWO = 1, 2\nif __name__ == '__main__':\n    repr(ONE)"
    before = small(tmp_path, stage=stage)
    assert small(tmp_path, stage=stage.replace("ONE", "FIRST")) == before
    assert small(tmp_path, stage=stage.replace("repr(ONE)", "repr(TWO)")) != before


@pytest.mark.parametrize(
    ("way", "stage"),
    [
        ("names", "print(Shape.__qualname__)"),
        ("names by an object", "def show(thing):\n    print(type(thing).__name__)\nshow(Shape())"),
    ],
)
def test_names_that_are_read_count(tmp_path: Path, way: str, stage: str) -> None:
    text = f"class Shape:\n    pass\n{stage.replace('print', 'repr')}\nif __name__ == '__main__': 0"
    before = small(tmp_path, stage=text)
    assert small(tmp_path, stage=text.replace("Shape", "Form")) != before


@pytest.mark.parametrize(
    "use",
    [
        "class Own(Trainer):\n    def _step(self):\n        return 1\nOwn()",
        "class Own:\n    def _step(self):\n        return 1\nrepr(getattr(Own(), '_ste' + 'p'))",
        "class Own:\n    def _step(self):\n        return 1\nrepr(vars(Own))",
        "class A:\n    def _step(self):\n        return 1\nclass B(A, Trainer):\n    x = 1\nB()",
    ],
    ids=["a hook", "computed", "listed", "a hook of an heir"],
)
def test_private_names_that_mean_something_count(tmp_path: Path, use: str) -> None:
    text = f"from transformers import Trainer\n{use}\nif __name__ == '__main__': 0"
    renamed = text.replace("_step", "_move").replace("'_ste' + 'p'", "'_mov' + 'e'")
    assert small(tmp_path, stage=renamed) != small(tmp_path, stage=text)


# The package itself


def without_words(tree: ast.Module) -> ast.Module:
    """Change every text of an error that is raised."""
    for node in ast.walk(tree):
        raised = node.exc if isinstance(node, ast.Raise) else None
        if isinstance(raised, ast.Call) and ast.unparse(raised.func).endswith("Error"):
            for part in ast.walk(raised):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    part.value = "Something else."
    return tree


@pytest.mark.slow
def test_texts_of_errors_change_no_key(copy: Path, before: dict[str, str]) -> None:
    rewrite(copy, without_words)
    assert keys(copy) == before


class OtherNames(ast.NodeTransformer):
    """Renames the private functions and constants of a module, and variables of functions."""

    def __init__(self, tree: ast.Module) -> None:
        tops = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.Assign)]
        names = {node.name for node in tops if isinstance(node, ast.FunctionDef)}
        names |= {
            target.id
            for node in tops
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        self.private = {name for name in names if name.startswith("_") and name[1] != "_"}
        self.variables: list[set[str]] = []
        self.in_class = False

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if node.name in self.private and not self.variables and not self.in_class:
            node.name += "_renamed"
        stored = {
            inner.id
            for inner in ast.walk(node)
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
        }
        kept = {inner.arg for inner in ast.walk(node) if isinstance(inner, ast.arg)}
        kept |= {
            name
            for inner in ast.walk(node)
            if isinstance(inner, ast.Global | ast.Nonlocal)
            for name in inner.names
        }
        kept |= {
            alias.asname or alias.name
            for inner in ast.walk(node)
            if isinstance(inner, ast.Import | ast.ImportFrom)
            for alias in inner.names
        }
        around = self.variables[-1] if self.variables else set()
        self.variables.append(around | (stored - kept))
        self.generic_visit(node)
        self.variables.pop()
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        assert not self.variables
        self.in_class = True
        self.generic_visit(node)
        self.in_class = False
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if self.variables and node.id in self.variables[-1]:
            node.id += "_variable"
        elif node.id in self.private:
            node.id += "_renamed"
        return node


@pytest.mark.slow
def test_other_names_change_no_key(copy: Path, before: dict[str, str]) -> None:
    rewrite(copy, lambda tree: OtherNames(tree).visit(tree))
    after = keys(copy)
    # The descriptions of these hold names of classes, of whatever kind of figure.
    described = {"claims", "summary", *(name for name in STAGES if name.endswith(" tables"))}
    assert {stage for stage in STAGES if after[stage] != before[stage]} <= described


def test_methods_are_renamed_in_all_classes_together(copy: Path, before: dict[str, str]) -> None:
    names = Reach(Source(copy / "essential_sparsity", INFRASTRUCTURE), RUN).private_names()
    assert len(names) > 10

    def rename(tree: ast.Module) -> ast.Module:
        for node in ast.walk(tree):
            for attribute in ("attr", "name", "id"):
                if getattr(node, attribute, None) in names:
                    setattr(node, attribute, f"{getattr(node, attribute)}_renamed")
        return tree

    rewrite(copy, rename, outside="support")
    assert key(copy, *RUN) == before["run"]


@pytest.mark.slow
def test_another_place_changes_no_key(copy: Path, before: dict[str, str]) -> None:
    """A module moves, and is found by everybody who imports it."""
    folder = copy / "essential_sparsity"
    (folder / "runs" / "training" / "batches.py").rename(folder / "streams.py")
    for file in folder.rglob("*.py"):
        text = file.read_text().replace("_sparsity.runs.training.batches", "_sparsity.streams")
        file.write_text(text)
    assert keys(copy) == before


NEW = '''"""A new entry."""
from essential_sparsity.{base} import {name}
class New({name}):
    """A new entry."""
    value: int = 1
'''


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "base"),
    [
        ("masks/criteria/new.py", ("masks.criterion", "Ranking")),
        ("runs/heads/new.py", ("runs.heads.head", "Head")),
        ("architectures/new.py", ("architectures.architecture", "Architecture")),
        ("metrics/new.py", ("metrics.metric", "Metric")),
        ("tasks/kinds/new.py", ("tasks.examples", "Examples")),
    ],
)
def test_a_new_entry_of_a_registry_changes_no_key(
    copy: Path, before: dict[str, str], place: str, base: tuple[str, str]
) -> None:
    text = NEW.format(base=base[0], name=base[1])
    (copy / "essential_sparsity" / place).write_text(text)
    assert keys(copy) == before


@pytest.mark.slow
def test_a_changed_training_step_changes_runs_alone(copy: Path, before: dict[str, str]) -> None:
    edit(copy, "runs/training/trainer.py", "        self._held.mask_gradients()\n", "")
    after = keys(copy)
    assert {stage for stage in after if after[stage] != before[stage]} == {
        "run",
        "ticket",
        "rewind",
    }


@pytest.mark.slow
def test_a_changed_tie_rule_changes_masks_alone(copy: Path, before: dict[str, str]) -> None:
    edit(copy, "masks/cuts.py", "ties: int\n", "ties: int = 1\n")
    after = keys(copy)
    assert {stage for stage in after if after[stage] != before[stage]} == {"mask", "ticket"}


def constants(definition: Definition) -> Iterator[ast.Constant]:
    """Yield the constants of a definition that are no words for people, and no annotation."""
    helps = {"help", "description", "prog", "epilog", "metavar", "usage"}
    waiting: list[ast.AST] = [definition.node]
    while waiting:
        node = waiting.pop()
        parts = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
            yield node
        if isinstance(node, ast.Raise):
            parts = []
        if isinstance(node, ast.Expr):
            called = ast.unparse(getattr(node.value, "func", node.value)).rpartition(".")[2]
            if called in ("print", "error", "__init__") or isinstance(node.value, ast.Constant):
                parts = []
        if isinstance(node, ast.Call):
            parts = [p for p in parts if not (isinstance(p, ast.keyword) and p.arg in helps)]
        if isinstance(node, ast.FunctionDef):
            parts = [part for part in parts if part is not node.returns]
        if isinstance(node, ast.arg):
            parts = []
        waiting += parts


def shown(definition: Definition) -> list[str]:
    """Return what counts of a definition's text, but for references."""
    tokens = definition.text.tokens
    return [token for token in tokens if isinstance(token, str)]


def test_every_constant_that_a_run_reaches_counts(before: dict[str, str]) -> None:
    """One after the other, in place: a text that differs makes another fingerprint."""
    reach = Reach(Source(PACKAGE, INFRASTRUCTURE), RUN)
    assert reach.digest() == before["run"]
    tried = 0
    for definition in reach.definitions:
        plain = shown(definition)
        for constant in constants(definition):
            value = constant.value
            constant.value = f"{value} more" if isinstance(value, str) else value + 7
            other = Definition(definition.module, definition.node)
            assert shown(other) != plain, (definition.module.name, value, constant.lineno)
            constant.value = value
            tried += 1
    assert tried > 500


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_what_is_followed_is_what_is_imported(stage: str) -> None:
    """Independently: import all of it, and no other module of the package comes besides."""
    reach = Reach(Source(PACKAGE, INFRASTRUCTURE), STAGES[stage])
    names = sorted(module.name for module in reach.modules)
    code = (
        "import sys, importlib\n"
        f"for name in {names!r}:\n"
        "    if not name.endswith('__main__'): importlib.import_module(name)\n"
        "print(*[n for n in sys.modules if n.startswith('essential_sparsity')])"
    )
    imported = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    # What a registry finds by a computed name is a root of its own, where it is used.
    found = (".support", ".metrics.", ".architectures.", ".heads.", ".kinds.", ".procedures.")
    assert {n for n in imported if not any(part in n for part in found)} <= set(names)


def test_no_stage_reaches_definitions_otherwise_than_by_their_names() -> None:
    """Where code does, all that it imports counts as it is written: comments, too."""
    source = Source(PACKAGE, INFRASTRUCTURE)
    reached = {d for roots in STAGES.values() for d in Reach(source, roots).definitions}
    opaque = [(d.module.name, d.node.lineno) for d in reached if d.text.is_opaque]
    assert not opaque


OPAQUE = [
    "eval('1')",
    "from sys import modules\nrepr(modules)",
    "import inspect\ninspect.signature(repr)",
    "repr(object.__subclasses__())",
    "from math import *",
    "class Base:\n    def __init_subclass__(cls):\n        repr(cls)",
    "def register(f):\n    return f\n@register\ndef found():\n    return 1",
    "try:\n    repr(1)\nexcept ValueError as error:\n    repr(error.args)",
    "def f(kind):\n    return kind.model_json_schema()\nf(1)",
]


@pytest.mark.parametrize("code", OPAQUE)
def test_comments_count_where_code_reaches_what_it_does_not_name(tmp_path: Path, code: str) -> None:
    main = "\nif __name__ == '__main__':\n    pass"
    before = small(tmp_path, stage=code + main)
    assert small(tmp_path, stage=f"{code}\n# A comment.{main}") != before
    assert small(tmp_path, stage=f"import math{main}") == small(
        tmp_path, stage=f"import math\n# A comment.{main}"
    )


def test_infrastructure_imports_no_science() -> None:
    for file in (PACKAGE / "support").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                own = node.module.startswith("essential_sparsity")
                assert not own or node.module.startswith("essential_sparsity.support"), file


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_depends_on_the_study_or_on_other_stages_science(stage: str) -> None:
    modules = Reach(Source(PACKAGE, INFRASTRUCTURE), STAGES[stage]).modules
    names = {module.name.removeprefix("essential_sparsity.") for module in modules}
    assert not names & {"study.jobs", "study.resolve", "study.catalog", "command"}
    if stage.endswith("figure"):
        assert not any(name.startswith("runs.") for name in names)
    if stage == "mask":
        assert not any(name.startswith("runs") for name in names)


def test_only_registries_import_by_computed_names() -> None:
    """What they find is a root of its own: the workflow names the entry that is meant."""
    allowed = {
        PACKAGE / "architectures" / "__init__.py",
        PACKAGE / "figures" / "kind.py",
        PACKAGE / "figures" / "tables_stage.py",
        PACKAGE / "figures" / "drawing_stage.py",
        PACKAGE / "masks" / "registry.py",
        PACKAGE / "metrics" / "__init__.py",
        PACKAGE / "tasks" / "source.py",
        PACKAGE / "tasks" / "examples.py",
        PACKAGE / "runs" / "command.py",
        PACKAGE / "runs" / "heads" / "__init__.py",
        PACKAGE / "runs" / "procedures" / "__init__.py",
        PACKAGE / "command" / "__main__.py",
        PACKAGE / "__init__.py",
    }
    for file in set(PACKAGE.rglob("*.py")) - allowed:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in {"__import__", "importlib.import_module", "import_module"}, file


def test_a_root_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="no such module"):
        fingerprint("essential_sparsity.nothing")


def test_fingerprints_are_found_again_beside_compiled_modules(copy: Path) -> None:
    """In another process, as jobs ask for them; and not those of other sources."""
    command = (
        "from essential_sparsity.support.fingerprint import fingerprint as f; print(f(*{0!r}))"
    )

    def ask() -> str:
        return subprocess.run(
            [sys.executable, "-c", command.format(RUN)],
            env={"PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    first = ask()
    (kept,) = (copy / "essential_sparsity" / "__pycache__").glob("fingerprints-*.json")
    kept.write_text(kept.read_text().replace(first, "0" * 12))
    assert ask() == "0" * 12
    edit(copy, "runs/training/trainer.py", "        self._held.mask_gradients()\n", "")
    assert ask() not in (first, "0" * 12)
    assert len(list(kept.parent.glob("fingerprints-*.json"))) == 1
