"""The code fingerprint: what a stage's artifacts owe to the code that made them.

It is a hash over the definitions that running the stage can reach: functions, classes and constants
by whatever road they are referred to, and what importing their modules does beside binding names.
`support.definitions` says what of a definition counts. Names and places of definitions do not, nor
does infrastructure, of which only the names that are used count: renaming or moving a function, and
an addition that a stage does not use, re-run nothing.

What a registry finds by a computed name is a root of its own: the fingerprint of a run is that of
the stage and of the entries that the run uses.
"""

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from essential_sparsity.support import extensions
from essential_sparsity.support.definitions import (
    Definition,
    Import,
    Item,
    Module,
    Private,
    Source,
    Target,
    Text,
    Token,
)
from essential_sparsity.support.files import sha256_of

_FOLDER = Path(__file__).parents[1]
_SOURCE = Source(_FOLDER, ["essential_sparsity.support"], extensions.locate)


@cache
def fingerprint(*roots: str) -> str:
    """Return twelve hexadecimal digits for what `roots` reach together.

    A root is a module, such as `essential_sparsity.masks`, or a name in one, such as
    `essential_sparsity.metrics:METRICS`. Of a module that is run (a package's `__main__`, or a
    module that says what it does as one) counts what it does; of another one everything, since a
    registry may use any of it.

    Raises:
        ValueError: there is no such root.
    """
    known, key = _known(), " ".join(roots)
    if key not in known:
        known[key] = Reach(_SOURCE, roots).digest()
        _keep(known)
    return known[key]


@cache
def _known() -> dict[str, str]:
    """Return the fingerprints that were found before in these very sources: roots → fingerprint.

    Parsing them takes longer than a dry run has; each job asks as well.
    """
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(_kept_in().read_text(encoding="utf-8"))
        if isinstance(known, dict):
            return known
    return {}


def _keep(known: dict[str, str]) -> None:
    if sys.dont_write_bytecode:
        return
    with contextlib.suppress(OSError):
        file = _kept_in()
        if not file.exists():
            for older in file.parent.glob("fingerprints-*.json"):
                older.unlink(missing_ok=True)
        temporary = file.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(known), encoding="utf-8")
        temporary.replace(file)


@cache
def _kept_in() -> Path:
    """Return the file beside compiled modules: like those it is of its sources, and of a Python."""
    digest = hashlib.sha256(f"{sys.version} {_SOURCE.data}\n".encode())
    for file in [*sorted(_FOLDER.rglob("*.py")), *extensions.files()]:
        digest.update(f"{os.path.relpath(file, _FOLDER)} {sha256_of(file)}\n".encode())
    return _FOLDER / "__pycache__" / f"fingerprints-{digest.hexdigest()[:32]}.json"


class Reach:
    """What roots reach.

    Attributes:
        definitions: those that count.
        modules: those that are imported on the way, in the order in which that ends.
        words: the words of errors and fields count: something reads them.
    """

    def __init__(self, source: Source, roots: Sequence[str]) -> None:
        """Follow every reference from the roots.

        Raises:
            ValueError: there is no such root.
        """
        self._source = source
        self.roots = [self._root(root) for root in roots]
        self.words = False
        self._follow()
        if any(text.reads_words for text in self.texts()):
            self.words = True
            self._follow()

    def texts(self) -> list[Text]:
        """Return the definitions' texts."""
        return [definition.text(self.words) for definition in self.definitions]

    def _root(self, root: str) -> Target:
        name, _, inside = root.partition(":")
        module = self._source.module(name)
        if inside and module and (found := module.resolve(inside)):
            return found
        module = self._source.module(f"{name}.__main__") or module
        if module is None or inside:
            raise ValueError(f"{root}: no such module, or no such name in it")
        return tuple((definition, 0) for definition in module.main) or (module,)

    def _follow(self) -> None:
        self.definitions: dict[Definition, None] = {}
        self.modules: dict[Module, None] = {}
        self._all = False
        self._waiting: list[Item] = [item for root in self.roots for item in root]
        while self._waiting:
            item = self._waiting.pop()
            if isinstance(item, Module):
                self._load(item.name)
                self._waiting += [(definition, 0) for definition in item.definitions]
            elif isinstance(item, tuple) and item[0] not in self.definitions:
                self._take(item[0])

    def _take(self, definition: Definition) -> None:
        self.definitions[definition] = None
        self._load(definition.module.name)
        text = definition.text(self.words)
        for entry in text.imports:
            self._import(entry)
        if text.hides:
            self._waiting.append(definition.module)
        if text.hides_all and not self._all:
            self._all = True
            self._waiting += self.modules
        for token in text.tokens:
            self._waiting += token if isinstance(token, tuple) else ()

    def _import(self, entry: Import) -> None:
        self._load(entry.module)
        self._load(f"{entry.module}.{entry.name}")

    def _load(self, name: str) -> None:
        """Import a module as Python does: before it, what it lies in and what it imports."""
        module = self._source.module(name)
        if module is None or module.is_infrastructure or module in self.modules:
            return
        self.modules[module] = None
        self._load(name.rpartition(".")[0])
        for entry in module.imports:
            self._import(entry)
        del self.modules[module]
        self.modules[module] = None
        self._waiting += [(effect, 0) for effect in module.effects]
        self._waiting += [module] if self._all else []

    def private_names(self) -> set[str]:
        """Return the private names of classes that mean nothing outside what is reached."""
        texts = self.texts()
        if any(text.reflects for text in texts):
            return set()
        owned = {name for text in texts for name in text.owned}
        foreign = {name for text in texts for name in text.foreign | text.strings}
        for definition in self.definitions:
            family = [member.text(self.words) for member in definition.family()]
            if not all(text.is_plain for text in family):
                foreign |= {name for text in family for name in text.owned}
        return owned - foreign

    def digest(self) -> str:
        """Return twelve hexadecimal digits of all that counts."""
        return hashlib.sha256("\0".join(_Account(self).parts()).encode()).hexdigest()[:12]


class _Account:
    """What is reached, written down: each definition once, numbered in the order of references."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._names = any(text.reads_names for text in reach.texts())
        self._private = reach.private_names()
        self._numbers: dict[Definition | Module | str, int] = {}
        self._waiting: list[Definition] = []
        self._parts: list[str] = []

    def parts(self) -> list[str]:
        for root in self._reach.roots:
            self._show([root])
        for module in self._in_order():
            self._parts += module.imported_for_effect
            self._show([((effect, 0),) for effect in module.effects])
        # What no reference leads to: the whole of modules of which something is hidden.
        others = [d for d in self._reach.definitions if d not in self._numbers]
        self._show([((other, 0),) for other in sorted(others, key=lambda d: d.digest)])
        return self._parts

    def _in_order(self) -> list[Module]:
        """Return the modules ordered by what importing them does, not by their names.

        Statements that do more than define something keep the order of imports.
        """
        imported = list(self._reach.modules)
        strong = [module for module in imported if any(e.is_statement for e in module.effects)]
        others = [module for module in imported if module not in strong]
        return strong + sorted(others, key=lambda module: [e.digest for e in module.effects])

    def _show(self, tokens: Sequence[Token]) -> None:
        """Write tokens down, and the definitions that they refer to for the first time."""
        for token in tokens:
            if isinstance(token, tuple):
                self._parts.append(" ".join(["[", *map(self._refer, token), "]"]))
            elif isinstance(token, Private) and token in self._private:
                self._parts.append(f"_{self._number(token)}")
            else:
                self._parts.append(token)
        while self._waiting:
            definition, self._waiting = self._waiting[0], self._waiting[1:]
            if self._names:
                self._parts += [definition.module.name, *definition.names, definition.docstring]
            self._show(definition.text(self._reach.words).tokens)

    def _refer(self, item: Item) -> str:
        if isinstance(item, str):
            return item
        if isinstance(item, Module):
            if item not in self._numbers:
                self._number(item)
                # In an order that is not that of their names or places.
                whole = sorted(item.definitions, key=lambda definition: definition.digest)
                self._show([((definition, 0),) for definition in whole])
            return f"module {self._number(item)}"
        definition, position = item
        if definition not in self._numbers:
            self._waiting.append(definition)
        return f"{self._number(definition)}.{position}"

    def _number(self, item: Definition | Module | str) -> int:
        return self._numbers.setdefault(item, len(self._numbers))
