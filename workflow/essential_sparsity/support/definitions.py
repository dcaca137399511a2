"""The package's source as a graph: definitions, what each does, and which others it refers to.

A definition is a top-level statement of a module: a function, a class, an assignment. Its text is
its syntax tree, in which references to other definitions stay references. Left out is what changes
no result: layout, comments, docstrings, annotations of functions, and the words of errors, messages
and help (what is raised, and when, stays). Local variables become numbers, and names from other
packages are spelled out, whatever they were imported as.

What the syntax hides makes more count, never less: see `Text`.
"""

import ast
import builtins
import contextlib
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Union

from essential_sparsity.support.files import sha256_of

# What a name refers to: the dotted name of what another package has, a module as a value, or a
# definition with the position of the name among those that it binds. Several where a name is bound
# more than once, none where it is unknown.
Item = Union[str, "Module", tuple["Definition", int]]
Target = tuple[Item, ...]

_BUILTIN = "builtins."
# Decorators that leave annotations unread, and those that read them: neither registers anything.
_PLAIN_DECORATORS = {
    "builtins.property", "builtins.staticmethod", "builtins.classmethod", "functools.cache",
    "functools.lru_cache", "functools.cached_property", "functools.wraps", "abc.abstractmethod",
    "contextlib.contextmanager", "typing.overload", "torch.no_grad",
}  # fmt: skip
_READING_DECORATORS = {
    "dataclasses.dataclass", "pydantic.model_validator", "pydantic.field_validator",
    "pydantic.field_serializer",
}  # fmt: skip
# Base classes without private methods, and others that do nothing when a class inherits from them.
_PLAIN_BASES = {
    "builtins.object", "builtins.Exception", "abc.ABC", "typing.Generic", "typing.Protocol",
}  # fmt: skip
_QUIET_BASES = _PLAIN_BASES | {
    "builtins.RuntimeError", "builtins.ValueError", "pydantic.BaseModel", "typing.NamedTuple",
    "enum.Enum", "torch.utils.data.Dataset", "torch.utils.data.Sampler",
    "torch.utils.data.DataLoader", "transformers.Trainer", "transformers.TrainerCallback",
}  # fmt: skip
# Calls that do no more than return a value.
_QUIET_CALLS = {
    "abs", "all", "any", "bool", "bytes", "dict", "enumerate", "float", "frozenset", "int",
    "isinstance", "len", "list", "max", "min", "object", "range", "repr", "reversed", "round",
    "set", "sorted", "str", "sum", "tuple", "type", "zip",
}  # fmt: skip
_QUIET_MODULES = (
    "re.", "typing.", "dataclasses.", "pydantic.", "collections.", "functools.", "pathlib.",
    "math.", "fractions.", "decimal.", "operator.", "importlib.metadata.", "numpy.dtype",
    "pyarrow.",
)  # fmt: skip
_QUIET_METHODS = {
    "split", "join", "strip", "encode", "format", "items", "keys", "values", "replace",
}  # fmt: skip
# Exceptions of which nobody reads more than the words.
_WORDY = {
    "builtins.Exception", "builtins.ValueError", "builtins.TypeError", "builtins.RuntimeError",
    "builtins.AssertionError", "builtins.NotImplementedError", "builtins.KeyError",
    "builtins.LookupError",
}  # fmt: skip
# Keywords that hold words for people.
_HELP = {"help", "description", "prog", "epilog", "metavar", "usage", "title"}
_HELPED = {"ArgumentParser", "add_argument", "add_parser", "add_argument_group", "add_subparsers"}
_FIELD_WORDS = {"description", "title", "examples"}
# Ways to reach definitions that the syntax does not show: those of the module, and of any module.
_HIDING = {"globals", "locals", "eval", "exec", "compile"}
_HIDING_ALL = (
    "sys.modules", "gc.get_", "inspect.", "importlib.util", "importlib.reload",
    "builtins.__import__",
)  # fmt: skip
_READING_DATA = ("importlib.resources", "pkgutil.get_data")
_HIDING_ATTRIBUTES = {"__subclasses__", "__globals__", "__builtins__", "f_globals"}
# Fields of the syntax tree that say nothing, or what a traceback says.
_SKIPPED = {"ctx", "type_comment", "kind", "msg", "cause"}
_HEIRS = {"__init_subclass__", "__set_name__"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_NAMED = (*_FUNCTIONS, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Source:
    """A package's source files, each parsed once."""

    def __init__(
        self,
        folder: Path,
        infrastructure: Iterable[str],
        elsewhere: Callable[[str], Path | None] = lambda name: None,
    ) -> None:
        """Take the package's folder, and how its parts are told.

        Args:
            folder: the package's.
            infrastructure: the dotted names of what counts by name alone.
            elsewhere: returns the file of a module of the package that lies in another folder.
        """
        self.folder = folder
        self._elsewhere = elsewhere
        self._infrastructure = frozenset(infrastructure)
        self._modules: dict[str, Module | None] = {}

    def module(self, name: str) -> "Module | None":
        """Return a module or package of the package by its dotted name, None if there is none."""
        if name not in self._modules:
            first, *parts = name.split(".")
            base = self.folder.joinpath(*parts)
            files = [base / "__init__.py", *([base.with_suffix(".py")] if parts else [])]
            found = next((f for f in files if first == self.folder.name and f.is_file()), None)
            found = found or self._elsewhere(name)
            self._modules[name] = Module(self, name, found) if found else None
        return self._modules[name]

    def is_infrastructure(self, name: str) -> bool:
        """Tell whether a module counts by nothing but the names that are used of it."""
        parts = name.split(".")
        return any(".".join(parts[:end]) in self._infrastructure for end in range(len(parts) + 1))

    @cached_property
    def data(self) -> str:
        """A digest of the files in the package that are no code, for who looks where it lies."""
        digest = hashlib.sha256()
        for file in sorted(self.folder.rglob("*")):
            if file.is_file() and file.suffix != ".py" and file.parent.name != "__pycache__":
                digest.update(f"{file.relative_to(self.folder)} {sha256_of(file)}\n".encode())
        return digest.hexdigest()

    def find(self, entry: "Import") -> Target:
        """Return what an import brings."""
        module = self.module(entry.module)
        if module is None:
            return (entry.module if entry.name is None else f"{entry.module}.{entry.name}",)
        return (module,) if entry.name is None else module.attribute(entry.name)


@dataclass(frozen=True)
class Import:
    """An import of a module (`name` None) or of a name in it."""

    module: str
    name: str | None = None


def _imported(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, Import]]:
    """Yield what an import imports with the name that it binds, which is empty if it binds none."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            first = alias.name.split(".")[0]
            yield alias.asname or first, Import(alias.name if alias.asname else first)
            if not alias.asname and first != alias.name:
                yield "", Import(alias.name)
        return
    parts = package.split(".")
    parts = parts[: len(parts) - node.level + 1] if node.level else []
    module = ".".join([*parts, *([node.module] if node.module else [])])
    for alias in node.names:
        yield alias.asname or alias.name, Import(module, alias.name)


class Module:
    """A module.

    Attributes:
        definitions: its top-level statements but for imports.
        main: what it does only where it is run.
        imports: what importing it imports.
    """

    def __init__(self, source: Source, name: str, path: Path) -> None:
        """Parse the file, unless it is infrastructure."""
        self.source, self.name = source, name
        self.package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        self.is_infrastructure = source.is_infrastructure(name)
        self.definitions: list[Definition] = []
        self.main: list[Definition] = []
        self.imports: list[Import] = []
        self._bound: dict[str, list[Import | tuple[Definition, int]]] = {}
        self._resolved: dict[str, Target] = {}
        text = "" if self.is_infrastructure else path.read_text(encoding="utf-8")
        self.lines = text.splitlines()
        self.tree = ast.parse(text)
        self._take(self.tree.body)

    def _take(self, statements: list[ast.stmt]) -> None:
        for node in statements:
            if isinstance(node, ast.If) and _is_type_checking(node):
                self._take(node.orelse)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                for name, entry in _imported(node, self.package):
                    self.imports.append(entry)
                    self._bound.setdefault(name, []).append(entry)
            elif not _is_constant(node):
                definition = Definition(self, node)
                for position, name in enumerate(definition.names):
                    self._bound.setdefault(name, []).append((definition, position))
                is_main = isinstance(node, ast.If) and ast.unparse(node.test) == _IS_MAIN
                (self.main if is_main else self.definitions).append(definition)
                if not isinstance(node, _NAMED):
                    self.imports += definition.bindings.all_imports

    def resolve(self, name: str) -> Target:
        """Return what a global name of this module refers to; nothing if it is not bound here."""
        if name not in self._resolved:
            # An import in a circle finds nothing on its way round.
            self._resolved[name] = ()
            found: list[Item] = []
            for entry in self._bound.get(name, ()):
                found += self.source.find(entry) if isinstance(entry, Import) else [entry]
            if not found and name != "*":
                for star in self.stars:
                    if inner := self.source.module(star):
                        found += inner.resolve(name)
            self._resolved[name] = tuple(dict.fromkeys(found))
        return self._resolved[name]

    def attribute(self, name: str) -> Target:
        """Return what the attribute `name` of this module refers to: the whole if it is unknown."""
        inner = self.source.module(f"{self.name}.{name}")
        found = self.resolve(name) + ((inner,) if inner else ())
        return found or ((f"support:{name}",) if self.is_infrastructure else (self,))

    @property
    def stars(self) -> list[str]:
        """The modules of which this one imports every name."""
        return [entry.module for entry in self._bound.get("*", ()) if isinstance(entry, Import)]

    @cached_property
    def effects(self) -> "list[Definition]":
        """What importing the module may do beside binding names."""
        return [definition for definition in self.definitions if definition.has_effect]

    @cached_property
    def imported_for_effect(self) -> list[str]:
        """Other packages' modules of which every name is imported, or none is used."""
        used = {node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)}
        text = "\n".join(self.lines)
        return [
            entry.module
            for name, entries in self._bound.items()
            for entry in entries
            if isinstance(entry, Import)
            and entry.module.split(".")[0] not in (self.source.folder.name, "__future__")
            and (name not in used if name else text.count(entry.module) == 1)
        ]


@dataclass
class Bindings:
    """What a scope binds: by import, by a pattern (`kept`, which is text there), or otherwise.

    `numbers` are those of its names, while a text is written.
    """

    names: dict[str, None] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    imports: dict[str, list[Import]] = field(default_factory=dict)
    all_imports: list[Import] = field(default_factory=list)
    globals: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)
    parameters: list[str] = field(default_factory=list)
    is_class: bool = False
    numbers: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, nodes: Iterable[ast.AST], package: str, walrus: bool) -> "Bindings":
        """Read statements; without a `walrus` in them, no expression binds anything."""
        found = cls()
        waiting = list(nodes)[::-1]
        while waiting:
            node = waiting.pop()
            inner: Iterable[ast.AST] | None = None
            if isinstance(node, ast.expr):
                if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                    found.names[node.id] = None
                if isinstance(node, ast.Lambda) or (
                    not walrus and isinstance(getattr(node, "ctx", None), ast.Load | None)
                ):
                    continue
                if isinstance(node, _COMPREHENSIONS):
                    inner = [
                        inside for inside in ast.walk(node) if isinstance(inside, ast.NamedExpr)
                    ]
            elif isinstance(node, _NAMED):
                found.names[node.name] = None
                inner = node.decorator_list
            elif isinstance(node, ast.Import | ast.ImportFrom):
                for name, entry in _imported(node, package):
                    found.all_imports.append(entry)
                    found.imports.setdefault(name, []).append(entry)
            elif isinstance(node, ast.Global):
                found.globals.update(node.names)
            elif isinstance(node, ast.Nonlocal):
                found.nonlocals.update(node.names)
            elif isinstance(node, ast.ExceptHandler) and node.name:
                found.names[node.name] = None
            elif isinstance(node, ast.pattern):
                captured = getattr(node, "name", None) or getattr(node, "rest", None)
                found.kept.update([captured] if captured else [])
            waiting += list(ast.iter_child_nodes(node) if inner is None else inner)[::-1]
        found.names = {name: None for name in found.names if name not in found.kept}
        return found


class Private(str):
    """A private name of a class, of which counts only where it is used again."""


Token = str | Private | Target


@dataclass
class Text:
    """A definition's text, and what is to be known of it.

    Attributes:
        tokens: plain text, private names and references, in order.
        imports: what is imported where the definition runs.
        bases: what the bases of its classes refer to.
        is_plain: its classes inherit from no class of another package with private methods.
        owned: private names that its classes define.
        foreign: private names that may mean something elsewhere.
        strings: names with an underscore before them in its string constants.
        hides: it reads names of its module that the syntax does not show: all of it counts.
        hides_all: it reads such names of any module: all of those that are imported count.
        reads_names: it reads names of classes or functions, or docstrings: all of them count.
        reads_words: it reads arguments of exceptions, or descriptions of fields: those count.
        reflects: it lists attributes: private names count.
    """

    tokens: list[Token] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    bases: list[Target] = field(default_factory=list)
    is_plain: bool = True
    owned: set[str] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)
    hides: bool = False
    hides_all: bool = False
    reads_names: bool = False
    reads_words: bool = False
    reflects: bool = False


class Definition:
    """A top-level statement of a module."""

    def __init__(self, module: Module, node: ast.stmt) -> None:
        """Take the statement."""
        self.module, self.node = module, node
        self.walrus = any(":=" in line for line in module.lines[node.lineno - 1 : node.end_lineno])
        self._texts: dict[bool, Text] = {}

    @cached_property
    def bindings(self) -> Bindings:
        """What the statement binds."""
        return Bindings.of([self.node], self.module.package, self.walrus)

    @cached_property
    def names(self) -> list[str]:
        """The names that it binds."""
        if isinstance(self.node, _NAMED):
            return [self.node.name]
        found = self.bindings
        return [*found.names, *found.imports, *found.kept]

    @property
    def docstring(self) -> str:
        """The docstring of a function or class."""
        return (isinstance(self.node, _NAMED) and ast.get_docstring(self.node, clean=False)) or ""

    def text(self, words: bool = False) -> Text:
        """Return the definition's text; with `words`, those of errors and fields are part of it."""
        if words not in self._texts:
            writer = _Writer(self, words)
            if writer.write().hides:
                # Variables are called as they are: something may read that.
                writer = _Writer(self, words, numbered=False)
                writer.write()
            self._texts[words] = writer.text
        return self._texts[words]

    @cached_property
    def digest(self) -> str:
        """A digest of the text without its references."""
        shown = (token for token in self.text().tokens if isinstance(token, str))
        return hashlib.sha256("".join(shown).encode()).hexdigest()

    @cached_property
    def has_effect(self) -> bool:
        """Whether running the statement may do more than bind its names.

        Calls, decorators, base classes and whatever is no simple definition may, but for those of
        which it is known that they do not.
        """
        return _has_effect(self.node, self.module)

    @property
    def is_statement(self) -> bool:
        """Whether it is no definition of a name."""
        return not isinstance(self.node, (*_NAMED, ast.Assign, ast.AnnAssign))

    def family(self) -> "Iterator[Definition]":
        """Yield the definition, and the classes of the package that its classes inherit from."""
        yield self
        for base in self.text().bases:
            for item in base:
                if isinstance(item, tuple):
                    yield from item[0].family()


class _Writer:
    """Writes a definition's text."""

    def __init__(self, definition: Definition, words: bool, numbered: bool = True) -> None:
        self._definition, self._words, self._numbered = definition, words, numbered
        self._module, self._source = definition.module, definition.module.source
        self.text = Text()
        self._scopes: list[Bindings] = []
        self._count = 0
        self._annotation = self._in_error = self._computes = self._finds_modules = False
        self._handled: list[str] = []
        self._parsers: set[str] = set()
        self._attributes: set[str] = set()

    def write(self) -> Text:
        node, text = self._definition.node, self.text
        if isinstance(node, _NAMED):
            self._named(node)
        else:
            self._value([node])
        read = self._attributes
        text.reads_words |= "model_json_schema" in read
        text.reads_words |= "model_fields" in read and not read.isdisjoint(_FIELD_WORDS)
        text.reflects |= self._computes and bool(text.strings)
        if self._finds_modules:
            # A registry: what it finds is a root of its own, by whatever name it is found.
            text.reads_names = text.reflects = False
        merged: list[Token] = []
        for token in text.tokens:
            if type(token) is str and merged and type(merged[-1]) is str:
                merged[-1] += token
            else:
                merged.append(token)
        text.tokens = merged
        return text

    # What names refer to

    def _find(self, name: str) -> str | Target:
        """Return what a name refers to here: a variable's text, or a target."""
        for depth in range(len(self._scopes) - 1, -1, -1):
            scope = self._scopes[depth]
            if scope.is_class and depth < len(self._scopes) - 1:
                continue
            if name in scope.globals:
                break
            if name in scope.nonlocals:
                continue
            if name in scope.parameters or name in scope.kept:
                return name
            if name in scope.names:
                if scope.is_class or not self._numbered:
                    return name
                if name not in scope.numbers:
                    scope.numbers[name] = self._count = self._count + 1
                return f"${scope.numbers[name]}"
            if name in scope.imports:
                found = [item for e in scope.imports[name] for item in self._source.find(e)]
                return tuple(dict.fromkeys(found))
        return self._find_global(name)

    def _find_global(self, name: str) -> Target:
        if found := self._module.resolve(name):
            return found
        if name == "__name__":
            return ("<module>",)
        if name == "__doc__":
            return (repr(ast.get_docstring(self._module.tree, clean=False)),)
        if name == "__file__":
            return (self._source.data,)
        if hasattr(builtins, name):
            self.text.hides |= name in _HIDING
            return (_BUILTIN + name,)
        return (f"?{name}",)

    def _target(self, node: ast.expr) -> Target:
        """Return what an expression refers to outside the definition, nothing if it is more."""
        if isinstance(node, ast.Name):
            found = self._find(node.id)
            return () if isinstance(found, str) else found
        if isinstance(node, ast.Attribute):
            base = self._target(node.value)
            if len(base) == 1 and isinstance(base[0], Module):
                return base[0].attribute(node.attr)
            if len(base) == 1 and isinstance(base[0], str):
                return (f"{base[0]}.{node.attr}",)
        return ()

    def _outside(self, node: ast.expr) -> str:
        """Return the dotted name of what an expression refers to in other packages, or nothing."""
        target = self._target(node)
        return target[0] if len(target) == 1 and isinstance(target[0], str) else ""

    def _refer(self, target: Target) -> None:
        if len(target) == 1 and isinstance(target[0], str):
            self.text.hides_all |= target[0].startswith(_HIDING_ALL)
            data = self._source.data if target[0].startswith(_READING_DATA) else ""
            self._put(f"<{target[0]}{data}>")
        else:
            self.text.tokens.append(target)

    # Writing

    def _put(self, text: str) -> None:
        self.text.tokens.append(text)

    def _private(self, name: str) -> None:
        self._put(Private(name) if _is_private(name) else name)

    def _value(self, value: Any) -> None:
        if isinstance(value, list):
            self._put("[")
            for item in value:
                before = len(self.text.tokens)
                self._value(item)
                # What leaves no trace, such as a docstring, leaves no place either.
                if len(self.text.tokens) > before:
                    self._put(",")
            self._put("]")
        elif isinstance(value, ast.AST):
            write = getattr(self, f"_write_{type(value).__name__}", self._plain)
            write(value)
        else:
            self._put(repr(value))

    def _plain(self, node: ast.AST) -> None:
        self._put(f"({type(node).__name__}")
        for name in node._fields:
            value = getattr(node, name, None)
            # Newer Pythons add fields, which are empty.
            if value is not None and value != [] and name not in _SKIPPED:
                self._put(f" {name}=")
                self._value(value)
        self._put(")")

    def _bind(self, name: str) -> None:
        self._write_Name(ast.Name(name, ast.Store()))

    def _write_Name(self, node: ast.Name) -> None:
        found = self._find(node.id)
        if not isinstance(found, str):
            self._refer(found)
        elif self._scopes[-1].is_class:
            self._private(found)
            if isinstance(node.ctx, ast.Load):
                # Until the class binds it, the name is that of the scope around it.
                scope = self._scopes.pop()
                around = self._find(node.id)
                self._scopes.append(scope)
                if not isinstance(around, str) and around != (f"?{found}",):
                    self._refer(around)
        else:
            self._put(found)

    def _write_Attribute(self, node: ast.Attribute) -> None:
        name, text = node.attr, self.text
        self._attributes.add(name)
        owner, target = self._target(node.value), self._target(node)
        if target:
            self._refer(target)
            return
        base = node.value.id if isinstance(node.value, ast.Name) else ""
        if name == "__name__" and len(owner) == 1 and isinstance(owner[0], tuple):
            self._put(f"called {owner[0][0].names[owner[0][1]]} ")
        else:
            text.reads_names |= name in ("__name__", "__qualname__", "__doc__")
        text.reflects |= name in ("__dict__", "__slots__")
        text.hides_all |= name in _HIDING_ATTRIBUTES
        text.reads_words |= name == "args" and base in self._handled
        if _is_private(name) and base not in ("self", "cls"):
            text.foreign.add(name)
        elif _is_private(name) and isinstance(node.ctx, ast.Store):
            text.owned.add(name)
        self._put("(.")
        self._value(node.value)
        self._put(" ")
        self._private(name)
        self._put(")")

    def _write_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, str):
            if self._annotation:
                with contextlib.suppress(SyntaxError):
                    self._value(ast.parse(value, mode="eval").body)
                    return
            if "_" in value:
                self.text.strings.update(re.findall(r"(?<!\w)_\w*", value))
            # What is looked up by such a name is found by a registry: it is a root of its own.
            if value.startswith(f"{self._source.folder.name}.") and self._source.module(value):
                value = "<module>"
        self._put(repr(value))

    def _write_Call(self, node: ast.Call) -> None:
        called = self._outside(node.func)
        name = called.removeprefix(_BUILTIN)
        first = node.args[0] if node.args else None
        words: set[str] = set()
        if isinstance(node.func, ast.Attribute) and node.func.attr in _HELPED:
            words = _HELP
        elif called == "pydantic.Field" and not self._words:
            words = _FIELD_WORDS
        elif called == "importlib.import_module":
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                self._refer(self._source.find(Import(first.value)))
                return
            self._finds_modules = True
        elif name in ("getattr", "hasattr", "setattr", "delattr"):
            self._computes |= len(node.args) > 1 and not isinstance(node.args[1], ast.Constant)
        elif name in ("vars", "dir"):
            self.text.reflects = True
            self.text.hides |= first is None
        self.text.foreign.update(k.arg for k in node.keywords if k.arg and _is_private(k.arg))
        self._put("(call ")
        self._value(node.func)
        if not self._ends(node, called):
            self._value(node.args)
            self._value([keyword for keyword in node.keywords if keyword.arg not in words])
        self._put(")")

    def _ends(self, node: ast.Call, name: str) -> bool:
        """Tell whether the call ends the program with a message, and does nothing else."""
        refuses = _dotted(node.func) in {f"{parser}.error" for parser in self._parsers}
        return (refuses or name == "sys.exit") and self._are_quiet(node)

    def _are_quiet(self, node: ast.Call) -> bool:
        return all(_is_quiet(part, self._outside) for part in (*node.args, *node.keywords))

    def _write_MatchClass(self, node: ast.MatchClass) -> None:
        self.text.foreign.update(node.kwd_attrs)
        self._plain(node)

    def _write_Expr(self, node: ast.Expr) -> None:
        call = node.value
        if isinstance(call, ast.Call):
            name = self._outside(call.func)
            files = [self._outside(k.value) for k in call.keywords if k.arg == "file"]
            told = name == "builtins.print" and {*files} <= {"sys.stderr", "sys.stdout"}
            if (told or name == "warnings.warn") and self._are_quiet(call):
                return
            is_start = isinstance(call.func, ast.Attribute) and call.func.attr == "__init__"
            if is_start and self._in_error and not self._words:
                return
        if not _is_constant(node):
            self._plain(node)

    def _write_nothing(self, node: ast.stmt) -> None:
        pass

    _write_Pass = _write_Global = _write_Nonlocal = _write_nothing

    def _write_Raise(self, node: ast.Raise) -> None:
        called = node.exc.func if isinstance(node.exc, ast.Call) and not self._words else None
        self._plain(ast.Raise(called) if called and _is_wordy(self._target(called)) else node)

    def _write_If(self, node: ast.If) -> None:
        if _is_type_checking(node):
            self._value(node.orelse)
        else:
            self._plain(node)

    def _write_Assign(self, node: ast.Assign) -> None:
        value = node.value
        if isinstance(value, ast.Call) and self._outside(value.func) == "argparse.ArgumentParser":
            self._parsers.update(t.id for t in node.targets if isinstance(t, ast.Name))
        self._plain(node)

    def _write_AnnAssign(self, node: ast.AnnAssign) -> None:
        if self._scopes and self._scopes[-1].is_class:
            self._put("(field ")
            self._value(node.target)
            self._read_annotation(node.annotation)
            self._value(node.value)
            self._put(")")
        elif node.value:
            self._write_Assign(ast.Assign([node.target], node.value))

    def _read_annotation(self, node: ast.expr, annotation: bool = True) -> None:
        before, self._annotation = self._annotation, annotation
        self._put(":")
        self._value(node)
        self._annotation = before

    def _write_Subscript(self, node: ast.Subscript) -> None:
        name = self._outside(node.value).rpartition(".")[2]
        if not self._annotation or name not in ("Literal", "Annotated"):
            self._plain(node)
            return
        # Texts in these are values; in other annotations they are types.
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        self._put(f"({name} ")
        for position, part in enumerate(parts):
            self._read_annotation(part, name == "Annotated" and position == 0)
        self._put(")")

    def _write_import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name, entry in _imported(node, self._module.package):
            self.text.imports.append(entry)
            outside = self._source.module(entry.module) is None
            if name and (not self._scopes or isinstance(self._find(name), str)):
                # Bound here and elsewhere, such as in place of what is not installed.
                self._put("(import ")
                self._refer(self._source.find(entry))
                self._bind(name)
                self._put(")")
            elif outside and not self._uses(name or entry.module):
                self._put(f"(import {entry.module})")

    def _uses(self, name: str) -> bool:
        """Tell whether the definition names what it imports, or imports it for its effect."""
        node = self._definition.node
        text = "\n".join(self._module.lines[node.lineno - 1 : node.end_lineno])
        return len(re.findall(rf"(?<![\w.]){re.escape(name)}\b", text)) > 1

    _write_Import = _write_ImportFrom = _write_import

    def _write_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._put("(except ")
        self._value(node.type)
        if node.name:
            self._bind(node.name)
            self._handled.append(node.name)
        self._value(node.body)
        self._put(")")

    # Scopes

    @contextlib.contextmanager
    def _scope(
        self, nodes: Iterable[ast.AST], parameters: Iterable[str] = (), is_class: bool = False
    ) -> Iterator[Bindings]:
        scope = Bindings.of(nodes, self._module.package, self._definition.walrus)
        scope.parameters, scope.is_class = list(parameters), is_class
        self._scopes.append(scope)
        yield scope
        self._scopes.pop()

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        decorators = map(self._outside, map(_called, node.decorator_list))
        annotated = not all(name in _PLAIN_DECORATORS for name in decorators)
        self._put(f"({type(node).__name__} ")
        self._value(node.decorator_list)
        parameters = self._arguments(node.args, annotated)
        if annotated and node.returns:
            self._read_annotation(node.returns)
        with self._scope(node.body, parameters):
            self._value(node.body)
        self._put(")")

    def _arguments(self, node: ast.arguments, annotated: bool) -> list[str]:
        """Write the parameters, whose names callers may use, and their defaults."""
        parameters = []
        for kind in (node.posonlyargs, node.args, [node.vararg], node.kwonlyargs, [node.kwarg]):
            self._put("(")
            for argument in filter(None, kind):
                parameters.append(argument.arg)
                self._put(f"{argument.arg},")
                if annotated and argument.annotation:
                    self._read_annotation(argument.annotation)
            self._put(")")
        self._value([*node.defaults, *node.kw_defaults])
        return parameters

    def _write_Lambda(self, node: ast.Lambda) -> None:
        self._put("(lambda ")
        with self._scope([], self._arguments(node.args, annotated=False)):
            self._value(node.body)
        self._put(")")

    def _write_comprehension(self, node: Any) -> None:
        """Write a comprehension, whose first iterable belongs to the scope around it."""
        self._put(f"({type(node).__name__} ")
        first = node.generators[0]
        self._value(first.iter)
        with self._scope([generator.target for generator in node.generators]):
            for generator in node.generators:
                self._put(" async for " if generator.is_async else " for ")
                self._value(generator.target)
                self._value([] if generator is first else generator.iter)
                self._value(generator.ifs)
            self._value([getattr(node, name, None) for name in ("key", "value", "elt")])
        self._put(")")

    _write_ListComp = _write_SetComp = _write_DictComp = _write_GeneratorExp = _write_comprehension

    def _class(self, node: ast.ClassDef) -> None:
        text = self.text
        self._put("(class ")
        self._value([node.decorator_list, node.bases, node.keywords])
        bases = [self._target(_generic(base)) for base in node.bases]
        text.bases += bases
        text.is_plain &= not node.keywords and all(bases)
        text.is_plain &= all(
            item in _PLAIN_BASES or isinstance(item, tuple) for b in bases for item in b
        )
        before, self._in_error = self._in_error, any(map(_is_error, bases))
        with self._scope(node.body, is_class=True) as scope:
            text.owned.update(filter(_is_private, scope.names))
            self._value(node.body)
        self._in_error = before
        self._put(")")

    def _named(self, node: Any) -> None:
        (self._class if isinstance(node, ast.ClassDef) else self._function)(node)

    def _write_inner(self, node: Any) -> None:
        self._bind(node.name)
        self._named(node)

    _write_ClassDef = _write_FunctionDef = _write_AsyncFunctionDef = _write_inner


_IS_MAIN = "__name__ == '__main__'"


def _is_private(name: str) -> bool:
    """Tell whether a name is private to a class, and no hook such as `_missing_`."""
    return name.startswith("_") and not name.startswith("__") and not name.endswith("_")


def _dotted(node: ast.expr) -> str:
    """Return the text of a name with attributes, nothing for anything else."""
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return node.id if isinstance(node, ast.Name) else ""


def _called(node: ast.expr) -> ast.expr:
    """Return what is called, for a decorator with arguments."""
    return node.func if isinstance(node, ast.Call) else node


def _generic(node: ast.expr) -> ast.expr:
    """Return the base class of `Base[Parameter]`."""
    return node.value if isinstance(node, ast.Subscript) else node


def _is_constant(node: ast.stmt) -> bool:
    """Tell whether the statement is a docstring, or does as little as one."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_idle(node: ast.stmt) -> bool:
    return _is_constant(node) or isinstance(node, ast.Pass | ast.Global | ast.Nonlocal)


def _is_type_checking(node: ast.If) -> bool:
    return _dotted(node.test).endswith("TYPE_CHECKING")


def _classes(target: Target) -> Iterator[str | ast.ClassDef]:
    """Yield the class that is meant and what it inherits from, those of other packages by name."""
    for item in target:
        if isinstance(item, str):
            yield item
        elif isinstance(item, tuple) and isinstance(node := item[0].node, ast.ClassDef):
            yield node
            for base in item[0].text().bases:
                yield from _classes(base)


def _is_error(target: Target) -> bool:
    return any(
        name.endswith(("Error", "Exception")) for name in _classes(target) if isinstance(name, str)
    )


def _is_wordy(target: Target) -> bool:
    """Tell whether a class of exceptions carries nothing but words: it adds nothing of its own."""
    found = list(_classes(target))
    return bool(found) and all(
        found in _WORDY or (found.startswith("support:") and found[8].isupper())
        if isinstance(found, str)
        else all(map(_is_idle, found.body))
        for found in found
    )


def _is_quiet(node: ast.AST, name_of: Callable[[ast.expr], str]) -> bool:
    """Tell whether evaluating an expression calls nothing that may do more than return a value."""
    if isinstance(node, ast.Lambda):
        return True
    if isinstance(node, ast.Call):
        name = name_of(node.func)
        method = isinstance(node.func, ast.Attribute) and node.func.attr in _QUIET_METHODS
        known = name.removeprefix(_BUILTIN) in _QUIET_CALLS or name.startswith(_QUIET_MODULES)
        if not (known if name else method):
            return False
    if isinstance(node, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr):
        return False
    return all(_is_quiet(inner, name_of) for inner in ast.iter_child_nodes(node))


def _has_effect(node: ast.stmt, module: Module) -> bool:
    def target_of(expression: ast.expr) -> Target:
        if isinstance(expression, ast.Name):
            is_builtin = hasattr(builtins, expression.id)
            return module.resolve(expression.id) or (
                (_BUILTIN + expression.id,) if is_builtin else ()
            )
        if isinstance(expression, ast.Attribute) and (base := name_of(expression.value)):
            return (f"{base}.{expression.attr}",)
        return ()

    def name_of(expression: ast.expr) -> str:
        target = target_of(expression)
        return target[0] if len(target) == 1 and isinstance(target[0], str) else ""

    def is_quiet_base(base: ast.expr) -> bool:
        return all(
            item in _QUIET_BASES or item.startswith("support:")
            if isinstance(item, str)
            else isinstance(item, tuple) and _lets_inherit(item[0])
            for item in target_of(_generic(base)) or ("",)
        )

    decorators = map(name_of, map(_called, getattr(node, "decorator_list", [])))
    if not all(name in _PLAIN_DECORATORS | _READING_DECORATORS for name in decorators):
        return True
    if isinstance(node, ast.ClassDef):
        quiet = not node.keywords and all(map(is_quiet_base, node.bases))
        inside = (inner for inner in node.body if not _is_idle(inner))
        return not quiet or any(_has_effect(inner, module) for inner in inside)
    evaluated: list[ast.expr | None]
    if isinstance(node, _FUNCTIONS):
        evaluated = [*node.args.defaults, *node.args.kw_defaults]
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        parts = (part for t in targets for part in (t.elts if isinstance(t, ast.Tuple) else [t]))
        if not all(isinstance(part, ast.Name) for part in parts):
            return True
        evaluated = [node.value]
    else:
        return not _is_idle(node)
    return not all(_is_quiet(part, name_of) for part in evaluated if part)


def _lets_inherit(base: Definition) -> bool:
    """Tell whether inheriting from a class of the package does no more than make a class."""
    body = getattr(base.node, "body", [])
    hooks = {inner.name for inner in body if isinstance(inner, _FUNCTIONS)} & _HEIRS
    return isinstance(base.node, ast.ClassDef) and not hooks and not base.has_effect
