"""The code fingerprint: what a stage's artifacts owe to the code that made them.

It is a hash over the definitions that the stage reaches, and over what importing their modules
does. A definition's text is its syntax tree, in which what refers to another definition stays a
reference. Names and places leave no trace, so renaming or moving a function re-runs nothing, and
neither does what a stage does not use. Left out is what changes no result: layout, docstrings,
annotations of functions, and words for people. Variables and private attributes are numbered. Of
infrastructure count the names that are used. What a registry finds by a computed name is a root of
its own.

Code that reaches definitions otherwise than by their names (`Text.is_opaque`) makes all that is
imported count, as it is written. A test holds that no stage of the project has such code.
"""

import ast
import contextlib
import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Union

from essential_sparsity.support import extensions
from essential_sparsity.support.files import sha256_of, write_text

# What reaches definitions, or reads words, otherwise than by a name: builtins, attributes, modules.
_OPAQUE = {"globals", "locals", "eval", "exec", "compile", "__import__"}
_OPAQUE_ATTRIBUTES = {
    "__subclasses__", "__globals__", "f_globals", "__dict__", "__slots__", "model_json_schema",
    "description", "__init_subclass__", "__set_name__",
}  # fmt: skip
_OPAQUE_MODULES = (
    "sys.modules", "gc.get_", "inspect.", "importlib.util", "importlib.reload",
    "importlib.resources", "pkgutil.get_data",
)  # fmt: skip
# Decorators that do not read annotations, bases that know no private name of their heirs.
_DECORATORS = {
    "property", "staticmethod", "classmethod", "functools.cache", "functools.lru_cache",
    "functools.cached_property", "abc.abstractmethod", "contextlib.contextmanager",
    "pydantic.model_validator", "pydantic.field_validator", "functools.wraps", "typing.overload",
    "typing.override", "torch.no_grad", "torch.inference_mode",
}  # fmt: skip
_BASES = {"object", "Exception", "abc.ABC", "typing.Generic", "typing.Protocol"}
# What only returns a value, says words, or makes a class, where it is called or inherited from.
_QUIET = {
    *_DECORATORS, *_BASES, "bool", "dict", "float", "frozenset", "int", "isinstance", "len",
    "list", "max", "min", "range", "repr", "round", "set", "sorted", "str", "sum", "tuple", "zip",
    "AssertionError", "KeyError", "LookupError", "NotImplementedError", "RuntimeError",
    "TypeError", "ValueError",
}  # fmt: skip
_QUIET_MODULES = (
    "support:", "re.", "typing.", "dataclasses.", "pydantic.", "collections.", "pathlib.", "math.",
    "fractions.", "decimal.", "operator.", "pyarrow.", "enum.", "torch.utils.data.",
    "transformers.Trainer",
)  # fmt: skip
_QUIET_METHODS = {"split", "join", "strip", "encode", "format", "items", "keys", "values"}
# Calls that take words for people, and the keywords that hold them.
_HELPED = {"argparse.ArgumentParser", "add_argument", "add_parser", "add_argument_group"}
_HELP = {"help", "description", "prog", "epilog", "metavar", "usage", "title"}
# Fields of syntax trees that mean nothing, or what a traceback says.
_SILENT = {"ctx", "type_comment", "kind", "msg", "cause", "returns", "annotation"}
_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@cache
def fingerprint(*roots: str) -> str:
    """Return twelve hexadecimal digits for what `roots` reach together.

    A root is a module, such as `essential_sparsity.masks`, or a name in one, such as
    `essential_sparsity.metrics.f1:METRICS`. Of a module that is run (a package's `__main__`, or one
    that says what it does as such) counts what it does; of another one everything, since a registry
    may use any of it.

    Raises:
        ValueError: there is no such root.
    """
    known, key = _known(), " ".join(roots)
    if key not in known:
        known[key] = Reach(_SOURCE, roots).digest()
        if not sys.dont_write_bytecode:
            with contextlib.suppress(OSError):
                write_text(_kept_in(), json.dumps(known))
                for other in _kept_in().parent.glob("fingerprints-*.json"):
                    if other != _kept_in():
                        other.unlink(missing_ok=True)
    return known[key]


@cache
def _known() -> dict[str, str]:
    """Return the fingerprints that were found before in these very sources: roots → fingerprint.

    Parsing them takes longer than the rest of a small dry run; each job asks as well.
    """
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(_kept_in().read_text(encoding="utf-8"))
        if isinstance(known, dict):
            return known
    return {}


@cache
def _kept_in() -> Path:
    """Return the file beside compiled modules: like those it is of its sources, and of a Python."""
    folder = _SOURCE.folder
    digest = hashlib.sha256(f"{sys.version} {_SOURCE.data}\n".encode())
    for file in [*sorted(folder.rglob("*.py")), *extensions.files()]:
        digest.update(f"{os.path.relpath(file, folder)} {sha256_of(file)}\n".encode())
    return folder / "__pycache__" / f"fingerprints-{digest.hexdigest()[:32]}.json"


class Outside(str):
    """The dotted name of what Python, another package or the infrastructure has."""


class Private(str):
    """A private name of an attribute, of which counts only where it is used again."""


# What a text consists of, and what a name refers to: a plain text is a variable.
Item = Union[str, "Definition", "Module"]
# An import: of a name in a module, or of the module itself (None).
Import = tuple[str, str | None]


class Source:
    """A package's source files, each parsed once, when it is first asked for."""

    def __init__(
        self,
        folder: Path,
        infrastructure: Iterable[str],
        elsewhere: Callable[[str], Path | None] = lambda name: None,
    ) -> None:
        """Take the package's folder, and the dotted names of what counts by name alone.

        `elsewhere` returns the file of a module of the package that lies in another folder.
        """
        self.folder = folder
        self._infrastructure = [f"{name}." for name in infrastructure]
        self._elsewhere = elsewhere
        self._modules: dict[str, Module | None] = {}

    def module(self, name: str) -> "Module | None":
        """Return a module or package by its dotted name, None if this package has no such."""
        if name not in self._modules:
            base = self.folder.parent.joinpath(*name.split("."))
            own = name.split(".")[0] == self.folder.name
            files = (base / "__init__.py", base.with_suffix(".py")) if own else ()
            path = next(filter(Path.is_file, files), None) or self._elsewhere(name)
            apart = any(f"{name}.".startswith(prefix) for prefix in self._infrastructure)
            self._modules[name] = Module(self, name, path, apart) if path else None
        return self._modules[name]

    def find(self, entry: Import) -> list[Item]:
        """Return what an import brings."""
        name, attribute = entry
        module = self.module(name)
        if module is None:
            return [Outside(f"{name}.{attribute}" if attribute else name)]
        return module.attribute(attribute) if attribute else [module]

    @cached_property
    def data(self) -> str:
        """A digest of the files in the package that are no code, for who looks where it lies."""
        digest = hashlib.sha256()
        for file in sorted(self.folder.rglob("*")):
            if file.is_file() and file.suffix != ".py" and file.parent.name != "__pycache__":
                digest.update(f"{file.relative_to(self.folder)} {sha256_of(file)}\n".encode())
        return digest.hexdigest()


class Module:
    """A module: its text, top-level statements, what it does only where it is run, and imports."""

    def __init__(self, source: Source, name: str, path: Path, is_infrastructure: bool) -> None:
        """Parse the file, unless it is infrastructure."""
        self.source, self.name, self.is_infrastructure = source, name, is_infrastructure
        self.package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        self.definitions: list[Definition] = []
        self.main: list[Definition] = []
        self.imports: list[Import] = []
        self._bound: dict[str, list[Import | Definition]] = {}
        self._resolved: dict[str, list[Item]] = {}
        self.text = "" if is_infrastructure else path.read_text(encoding="utf-8")
        tree = ast.parse(self.text)
        parts = [*ast.walk(tree)]
        self._used = {part.id for part in parts if isinstance(part, ast.Name)}
        imports = [part for part in parts if isinstance(part, ast.Import | ast.ImportFrom)]
        self.imports_inside = not all(part in tree.body for part in imports)
        self.docstring = ast.get_docstring(tree, clean=False) or ""
        self._take(tree.body)

    def _take(self, statements: list[ast.stmt]) -> None:
        for node in statements:
            test = ast.unparse(node.test) if isinstance(node, ast.If) else ""
            if isinstance(node, ast.If) and test in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
                self._take(node.orelse)
            elif test == "__name__ == '__main__'":
                self.main.append(Definition(self, node))
            elif isinstance(node, ast.Import | ast.ImportFrom):
                for name, entry in _imported(node, self.package):
                    self.imports.append(entry)
                    self._bound.setdefault(name, []).append(entry)
                    apart = entry[0].split(".")[0] not in (self.source.folder.name, "__future__")
                    if name == "*" or (apart and name not in self._used):
                        self.definitions.append(Definition(self, node))
            elif not _is_idle(node):
                self._define(node)

    def _define(self, node: ast.stmt) -> None:
        names = _bound([node])
        if self.imports_inside and not isinstance(node, _NAMED):
            for name, entry in _imported(node, self.package):
                self.imports.append(entry)
                names.append(name)
        # One a name, so that the names of one statement are told apart.
        for name in dict.fromkeys(names or [""]):
            definition = Definition(self, node)
            self.definitions.append(definition)
            self._bound.setdefault(name, []).append(definition)

    def resolve(self, name: str) -> list[Item]:
        """Return what a global name may refer to here: nothing if it is not bound."""
        if name not in self._resolved:
            # An import in a circle finds nothing on its way round.
            self._resolved[name] = []
            found: list[Item] = []
            for entry in self._bound.get(name, []):
                found += self.source.find(entry) if isinstance(entry, tuple) else [entry]
            self._resolved[name] = found
        return self._resolved[name]

    def refers(self, name: str) -> list[Item]:
        """Return what a global name may refer to; what is not bound here, Python knows."""
        return self.resolve(name) or [Outside(name)]

    def attribute(self, name: str) -> list[Item]:
        """Return what the attribute `name` of this module refers to: the whole if it is unknown."""
        inner = self.source.module(f"{self.name}.{name}")
        found = [*self.resolve(name), *([inner] if inner else [])]
        return found or [Outside(f"support:{name}") if self.is_infrastructure else self]

    @cached_property
    def effects(self) -> "list[Definition]":
        """What importing the module may do beside binding names."""
        return [definition for definition in self.definitions if definition.has_effect]

    @cached_property
    def rank(self) -> str:
        """Where its effects stand among those of others: statements keep the order of imports."""
        binding = (*_NAMED, ast.Assign, ast.AnnAssign)
        is_plain = all(isinstance(effect.node, binding) for effect in self.effects)
        return " ".join(effect.plain for effect in self.effects) if is_plain else ""


class Definition:
    """A top-level statement of a module, as what binds one of its names."""

    def __init__(self, module: Module, node: ast.stmt) -> None:
        """Take the statement."""
        self.module, self.node = module, node

    @cached_property
    def text(self) -> "Text":
        """The definition's text."""
        return Text(self)

    @cached_property
    def plain(self) -> str:
        """The text without its references, as what orders definitions."""
        return " ".join(token for token in self.text.tokens if type(token) is str)

    @cached_property
    def has_effect(self) -> bool:
        """Whether running the statement may do more than bind its names.

        Calls, decorators, base classes and whatever is no simple definition may, but for those of
        which it is known that they do not.
        """
        return _has_effect(self.node, self.module.refers)

    def family(self) -> Iterator[Item]:
        """Yield the definition and what its classes inherit from."""
        yield self
        for base in self.text.bases:
            yield from base.family() if isinstance(base, Definition) else [base]


class Text:
    """A definition's text.

    Attributes:
        tokens: plain text, private names and references, in order.
        imports: what is imported where the definition runs.
        bases: what its classes inherit from.
        owned: private names that its classes define.
        foreign: private names that may mean something elsewhere.
        is_opaque: it reaches definitions, or reads words, otherwise than by their names.
        reads_names: it reads names of classes or functions, or docstrings: all of them count.
        reflects: it lists attributes, or computes their names: private ones count.
    """

    def __init__(self, definition: Definition) -> None:
        """Write it."""
        self.tokens: list[Item] = []
        self.imports: list[Import] = []
        self.bases: list[Item] = []
        self.owned: set[str] = set()
        self.foreign: set[str] = set()
        self.is_opaque = self.reads_names = self.reflects = False
        self._module, self._source = definition.module, definition.module.source
        # What variables, and names of the class around, are written as; what imports inside bring.
        self._variables: dict[str, str] = {}
        self._of_class: dict[str, str] = {}
        self._imported: dict[str, list[Item]] = {}
        self._count = 0
        self._in_function = self._in_annotation = False
        self._node = definition.node
        self._caught: set[str] = set()
        self._computes = self._hints = False
        self._write(definition.node)
        outside = [token for token in self.tokens if isinstance(token, Outside)]
        self.is_opaque |= any(t in _OPAQUE or t.startswith(_OPAQUE_MODULES) for t in outside)
        self.reflects |= self._computes and self._hints

    # What names refer to

    def refers(self, name: str) -> list[Item]:
        """Return what a name may refer to here."""
        if name in self._variables:
            return [self._variables[name]]
        if name in ("__file__", "__doc__"):
            return [self._source.data if name == "__file__" else self._module.docstring]
        found = self._imported.get(name, []) + self._module.resolve(name)
        if name in self._of_class:
            # Until the class binds it, the name is that of the scope around it.
            return [self._of_class[name], *found]
        return found or [Outside(name)]

    @contextlib.contextmanager
    def _scope(self, nodes: Iterable[ast.AST], parameters: ast.AST | None = None) -> Iterator[None]:
        """Take what a function, lambda or comprehension binds for variables, parameters by name."""
        before = self._variables, self._of_class, self._in_function
        numbered = {name: f"${self._count + n}" for n, name in enumerate(_bound(nodes))}
        self._count += len(numbered)
        walked = ast.walk(parameters) if parameters else ()
        given = [part.arg for part in walked if isinstance(part, ast.arg)]
        self._variables = self._variables | numbered | dict(zip(given, given, strict=True))
        self._of_class, self._in_function = {}, True
        yield
        self._variables, self._of_class, self._in_function = before

    # Writing

    def _write(self, value: Any) -> None:
        if isinstance(value, list):
            self.tokens.append("[")
            for item in value:
                if not (isinstance(item, ast.stmt) and (_is_idle(item) or self._tells(item))):
                    self._write(item)
            self.tokens.append("]")
        elif isinstance(value, ast.AST):
            getattr(self, f"_write_{type(value).__name__}", self._plain)(value)
        else:
            self.tokens.append(repr(value))

    def _plain(self, node: ast.AST) -> None:
        self.tokens.append(f"({type(node).__name__}")
        for field, value in ast.iter_fields(node):
            if field in ("name", "rest") and isinstance(value, str):
                self.tokens += self.refers(value)[:1]
            elif value is not None and value != [] and field not in _SILENT:
                self.tokens.append(field)
                self._write(value)
        self.tokens.append(")")

    def _tells(self, node: ast.stmt) -> bool:
        """Tell whether a statement says something to people, and does nothing else."""
        call = node.value if isinstance(node, ast.Expr) else None
        if not isinstance(call, ast.Call):
            return False
        target = _target(call.func, self.refers)
        files = {_target(k.value, self.refers) for k in call.keywords if k.arg == "file"}
        is_print = target == "print" and files <= {"sys.stderr", "sys.stdout"}
        return (is_print or target == "warnings.warn") and self._are_quiet(call)

    def _are_quiet(self, call: ast.Call) -> bool:
        return all(_is_quiet(part, self.refers) for part in (*call.args, *call.keywords))

    def _write_Name(self, node: ast.Name) -> None:
        found = self.refers(node.id)[: 1 if isinstance(node.ctx, ast.Store) else None]
        self.tokens += found if len(found) == 1 else ["(either", *found, ")"]

    def _write_Attribute(self, node: ast.Attribute) -> None:
        name, base = node.attr, getattr(node.value, "id", "")
        owner, target = _target(node.value, self.refers), _target(node, self.refers)
        self.is_opaque |= name in _OPAQUE_ATTRIBUTES or (name == "args" and base in self._caught)
        self.is_opaque |= name == "__doc__" and isinstance(owner, Module)
        if target:
            self.tokens.append(target)
            return
        if name == "__name__" and isinstance(owner, Definition):
            self.tokens.append(getattr(owner.node, "name", ""))
        else:
            self.reads_names |= name in ("__name__", "__qualname__", "__doc__")
        if _is_private(name) and base not in ("self", "cls"):
            self.foreign.add(name)
        elif _is_private(name) and isinstance(node.ctx, ast.Store):
            self.owned.add(name)
        self._write(["(.", node.value])
        self.tokens.append(Private(name) if _is_private(name) else name)

    def _write_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, str):
            # Types may be written as texts, and names of attributes composed of them.
            types = re.findall(r"[^\W\d]\w*", value) if self._in_annotation else []
            self.tokens += [item for name in types for item in self._module.resolve(name)]
            hints = re.findall(r"\b_\w*", value) if "_" in value else []
            self.foreign.update(hints)
            self._hints |= bool(hints)
            # What is looked up by such a name is found by a registry.
            is_own = value.startswith(f"{self._source.folder.name}.")
            value = "<module>" if is_own and self._source.module(value) else value
        self.tokens.append(repr(value))

    def _write_Call(self, node: ast.Call) -> None:
        name, target = getattr(node.func, "attr", ""), _target(node.func, self.refers)
        words = _HELP if _HELPED & {name, target} else set[str]()
        words = {"description"} if target == "pydantic.Field" else words
        if target == "importlib.import_module":
            texts = [part.value for part in node.args if isinstance(part, ast.Constant)]
            self.tokens += [item for t in texts for item in self._source.find((str(t), None))]
        elif target in ("getattr", "hasattr", "setattr", "delattr"):
            self._computes |= not all(isinstance(part, ast.Constant) for part in node.args[1:2])
        elif target in ("vars", "dir"):
            # Of a module that a registry finds, each entry is a root of its own.
            self.reflects |= "import_module(" not in ast.unparse(node)
            self.is_opaque |= not node.args
        self._write(["(call", node.func, node.args])
        for keyword in node.keywords:
            if keyword.arg not in words:
                self.foreign.add(keyword.arg or "")
                self._write([keyword.arg, keyword.value])

    def _write_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._caught.add(node.name or "")
        self._plain(node)

    def _write_Raise(self, node: ast.Raise) -> None:
        called = node.exc.func if isinstance(node.exc, ast.Call) else None
        is_wordy = called is not None and _is_wordy(_target(called, self.refers))
        self._plain(ast.Raise(called) if is_wordy else node)

    def _write_AnnAssign(self, node: ast.AnnAssign) -> None:
        if self._of_class:
            # A field, whose name and type dataclasses and models read.
            self.foreign.update(_bound([node.target]))
            self._write(node.target)
            self._in_annotation = True
            self._write(node.annotation)
            self._in_annotation = False
            self._write(node.value)
        elif node.value:
            self._plain(ast.Assign([node.target], node.value))

    def _write_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name, entry in _imported(node, self._module.package):
            self.imports.append(entry)
            self.is_opaque |= name == "*"
            names = {part.id for part in ast.walk(self._node) if isinstance(part, ast.Name)}
            is_used = self._in_function and name in names
            if not is_used or name in self._variables:
                # Bound on a condition, or imported for what that does.
                self.tokens += [*self.refers(name), *self._source.find(entry)]

    def _write_ClassDef(self, node: ast.ClassDef) -> None:
        self.bases += _bases(node, self.refers)
        names = _bound(node.body)
        self.owned.update(filter(_is_private, names))
        self._write([node.decorator_list, node.bases, node.keywords])
        self.tokens += self.refers(node.name)[:1]
        before = self._of_class, self._in_function
        self._of_class = {name: Private(name) if _is_private(name) else name for name in names}
        self._in_function = False
        self._write(node.body)
        self._of_class, self._in_function = before

    def _write_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        # Others may read annotations, or register the function.
        self.is_opaque |= not _DECORATORS.issuperset(_decorators(node, self.refers))
        self.is_opaque |= node.name in _OPAQUE_ATTRIBUTES
        self._write([type(node).__name__, node.decorator_list, node.args])
        self.tokens += self.refers(node.name)[:1]
        if self._module.imports_inside and not self._in_function:
            self._imported = {}
            for name, entry in _imported(node, self._module.package):
                self._imported.setdefault(name, []).extend(self._source.find(entry))
        with self._scope(node.body, node.args):
            self._write(node.body)

    def _write_Lambda(self, node: ast.Lambda) -> None:
        self._write(["lambda", node.args])
        with self._scope([node.body], node.args):
            self._write(node.body)

    def _write_ListComp(self, node: Any) -> None:
        """Write a comprehension, whose first iterable belongs to the scope around it."""
        first, *others = node.generators
        self._write([type(node).__name__, first.iter])
        with self._scope([generator.target for generator in node.generators]):
            self._write([first.target, first.ifs, first.is_async, others])
            self._write([getattr(node, name, None) for name in ("key", "value", "elt")])

    _write_ImportFrom = _write_Import
    _write_AsyncFunctionDef = _write_FunctionDef
    _write_SetComp = _write_DictComp = _write_GeneratorExp = _write_ListComp


class Reach:
    """What roots reach.

    Attributes:
        definitions: those that count, in the order in which they are first referred to.
        modules: those that are imported on the way, in the order in which that ends.
    """

    def __init__(self, source: Source, roots: Sequence[str]) -> None:
        """Follow every reference from the roots.

        Raises:
            ValueError: there is no such root.
        """
        self._source = source
        self.definitions: list[Definition] = []
        self.modules: dict[Module, None] = {}
        self._numbers: dict[Item, int] = {}
        for root in roots:
            self._refer(self._root(root))
        self._follow()

    def _root(self, root: str) -> Sequence[Item]:
        name, _, inside = root.partition(":")
        module = self._source.module(name)
        if inside and module and (found := module.resolve(inside)):
            return found
        module = self._source.module(f"{name}.__main__") or module
        if module is None or inside:
            raise ValueError(f"{root}: no such module, or no such name in it")
        return module.main or [module]

    def _follow(self) -> None:
        taken, settled = 0, set[Module]()
        while taken < len(self.definitions) or len(settled) < len(self.modules):
            for definition in self.definitions[taken:]:
                self._load(definition.module.name)
                self._import(definition.text.imports)
                self._refer(definition.text.tokens)
                taken += 1
            fresh = [module for module in self.modules if module not in settled]
            for module in sorted(fresh, key=lambda module: module.rank):
                self._refer(module.effects)
            settled.update(fresh)
            if self.is_opaque:
                self._refer([*self.modules])

    def _refer(self, items: Iterable[Item]) -> None:
        for item in items:
            if isinstance(item, Definition | Module) and item not in self._numbers:
                self._numbers[item] = len(self._numbers)
                if isinstance(item, Definition):
                    self.definitions.append(item)
                else:
                    self._load(item.name)
                    # In an order that is not that of their names or places.
                    ordered = sorted(item.definitions, key=lambda definition: definition.plain)
                    self._refer(ordered)

    def _import(self, entries: Iterable[Import]) -> None:
        for name, attribute in entries:
            self._load(name)
            self._load(f"{name}.{attribute}")

    def _load(self, name: str) -> None:
        """Import a module as Python does: before it, what it lies in and what it imports."""
        module = self._source.module(name)
        if module is None or module.is_infrastructure or module in self.modules:
            return
        self.modules[module] = None
        self._load(name.rpartition(".")[0])
        self._import(module.imports)
        del self.modules[module]
        self.modules[module] = None

    @property
    def is_opaque(self) -> bool:
        """Whether all that is imported counts, as it is written."""
        return any(definition.text.is_opaque for definition in self.definitions)

    def private_names(self) -> set[str]:
        """Return the private names of classes that mean nothing outside what is reached."""
        owned, foreign = set[str](), set[str]()
        for definition in self.definitions:
            if definition.text.reflects:
                return set()
            owned |= definition.text.owned
            foreign |= definition.text.foreign
            family = [*definition.family()]
            members = [item for item in family if isinstance(item, Definition)]
            if not all(item in _BASES for item in family if item not in members):
                # A base from elsewhere may call them.
                foreign.update(*(member.text.owned for member in members))
        return owned - foreign

    def digest(self) -> str:
        """Return twelve hexadecimal digits of all that counts."""
        private, numbers = self.private_names(), dict[str, str]()
        reads_names = any(definition.text.reads_names for definition in self.definitions)
        parts = []
        if self.is_opaque:
            parts += [self._source.data, *sorted(module.text for module in self.modules)]
        for definition in self.definitions:
            parts.append("definition")
            if reads_names and isinstance(definition.node, _NAMED):
                docstring = ast.get_docstring(definition.node, clean=False) or ""
                parts += [definition.module.name, definition.node.name, docstring]
            for token in definition.text.tokens:
                if isinstance(token, Definition | Module):
                    parts.append(f"#{self._numbers[token]}")
                elif isinstance(token, Private) and token in private:
                    parts.append(numbers.setdefault(token, f"_{len(numbers)}"))
                else:
                    parts.append(token)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


_SOURCE = Source(Path(__file__).parents[1], ["essential_sparsity.support"], extensions.locate)

Refers = Callable[[str], list[Item]]


def _imported(node: ast.AST, package: str) -> Iterator[tuple[str, Import]]:
    """Yield what imports in a node import, with the name that it binds: "" if it binds none."""
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            for alias in part.names:
                first = alias.name.split(".")[0]
                yield alias.asname or first, (alias.name if alias.asname else first, None)
                if not alias.asname and first != alias.name:
                    yield "", (alias.name, None)
        elif isinstance(part, ast.ImportFrom):
            parts = package.split(".")
            parts = parts[: len(parts) - part.level + 1] if part.level else []
            module = ".".join([*parts, *([part.module] if part.module else [])])
            for alias in part.names:
                yield alias.asname or alias.name, (module, alias.name)


def _bound(nodes: Iterable[ast.AST]) -> list[str]:
    """Return the names that a scope binds otherwise than by import."""
    found, apart = dict[str, None](), set[str]()
    waiting = [*nodes]
    for node in waiting:  # They become more.
        name: str | None = None
        if isinstance(node, ast.Global | ast.Nonlocal):
            apart.update(node.names)
        elif isinstance(node, _NAMED):
            name = node.name
        elif isinstance(node, _COMPREHENSIONS):
            waiting += [inner for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr)]
        elif isinstance(node, ast.Name):
            name = None if isinstance(node.ctx, ast.Load) else node.id
        elif not isinstance(node, ast.Lambda | ast.alias):
            # An error that is caught, or a part of a pattern.
            name = getattr(node, "name", None) or getattr(node, "rest", None)
            waiting += ast.iter_child_nodes(node)
        found.update({name: None} if isinstance(name, str) else {})
    return [name for name in found if name not in apart]


def _is_private(name: str) -> bool:
    """Tell whether a name is private to a class, and no hook such as `_missing_`."""
    return name.startswith("_") and not name.startswith("__") and not name.endswith("_")


def _decorators(node: Any, refers: Refers) -> list[Item]:
    return [_target(getattr(part, "func", part), refers) for part in node.decorator_list]


def _bases(node: ast.ClassDef, refers: Refers) -> list[Item]:
    """Return the base classes, of `Base[Parameter]` the base."""
    bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
    return [_target(base, refers) for base in bases]


def _is_idle(node: ast.stmt) -> bool:
    """Tell whether the statement is a docstring, or does as little as one."""
    is_constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_constant or isinstance(node, ast.Pass)


def _target(node: ast.expr, refers: Refers) -> Item:
    """Return what an expression refers to outside a definition, "" if it is more."""
    found: list[Item] = []
    if isinstance(node, ast.Name):
        found = refers(node.id)
    elif isinstance(node, ast.Attribute):
        base = _target(node.value, refers)
        if isinstance(base, Module):
            found = base.attribute(node.attr)
        elif isinstance(base, Outside):
            found = [Outside(f"{base}.{node.attr}")]
    return found[0] if len(found) == 1 and type(found[0]) not in (str, Private) else ""


def _is_wordy(item: Item) -> bool:
    """Tell whether a class of exceptions carries nothing but words: it adds nothing of its own."""
    if isinstance(item, Definition):
        body = item.node.body if isinstance(item.node, ast.ClassDef) else [item.node]
        return all(map(_is_idle, body)) and all(map(_is_wordy, item.text.bases))
    return _is_known(item)


def _is_known(item: Item) -> bool:
    return isinstance(item, Outside) and (item in _QUIET or item.startswith(_QUIET_MODULES))


def _is_quiet(node: ast.AST, refers: Refers) -> bool:
    """Tell whether evaluating an expression calls nothing that may do more than return a value."""
    if isinstance(node, ast.Call):
        target = _target(node.func, refers)
        is_method = isinstance(node.func, ast.Attribute) and node.func.attr in _QUIET_METHODS
        if not (_is_known(target) if target else is_method):
            return False
    if isinstance(node, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr):
        return False
    inside = [] if isinstance(node, ast.Lambda) else ast.iter_child_nodes(node)
    return all(_is_quiet(inner, refers) for inner in inside)


def _has_effect(node: ast.stmt, refers: Refers) -> bool:
    if isinstance(node, _NAMED) and not all(map(_is_known, _decorators(node, refers))):
        return True
    if isinstance(node, ast.ClassDef):
        bases = [
            b.has_effect if isinstance(b, Definition) else not _is_known(b)
            for b in _bases(node, refers)
        ]
        inside = [_has_effect(inner, refers) for inner in node.body if not _is_idle(inner)]
        return any([*node.keywords, *bases, *inside])
    values: list[ast.expr | None]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        values = [*node.args.defaults, *node.args.kw_defaults]
        is_plain = node.name not in _OPAQUE_ATTRIBUTES
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        parts = [part for target in targets for part in getattr(target, "elts", [target])]
        values = [node.value]
        is_plain = all(isinstance(part, ast.Name) for part in parts)
    else:
        return True
    return not is_plain or not all(_is_quiet(value, refers) for value in values if value)
