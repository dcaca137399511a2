"""The documentation corpus: short passages of prose that every Python installation has."""

import ast
import hashlib
import platform
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from essential_sparsity.support.errors import UserError

# A name covers a module, or a package with everything in it. All of them exist in every Python from
# 3.11 to 3.14; what distributions like to package apart (tkinter, idlelib, tests) is left out, and
# so are modules that could as well be counted to another area (typing, inspect, codecs, ...).
AREAS: dict[str, tuple[str, ...]] = {
    area: tuple(names.split())
    for area, names in {
        "network": "email ftplib http imaplib poplib smtplib urllib wsgiref xmlrpc",
        "markup": "html json plistlib xml",
        "files": (
            "bz2 filecmp fileinput genericpath glob gzip lzma ntpath os pathlib posixpath shutil"
            " stat tarfile tempfile zipapp zipfile"
        ),
        "concurrency": (
            "_threading_local asyncio concurrent multiprocessing queue sched threading"
        ),
        "testing": (
            "bdb doctest logging pdb unittest.case unittest.loader unittest.main unittest.result"
            " unittest.runner unittest.signals unittest.suite"
        ),
        "numbers": "_pydecimal fractions numbers random statistics",
    }.items()
}

# The language reference, as `help("with")` prints it.
REFERENCE = "reference"
TOPICS_FILE = Path("pydoc_data", "topics.py")

# Pages that are about the library rather than the language.
NOT_REFERENCE = frozenset({"debugger", "formatstrings", "string-methods"})

# Documents (modules, pages of the reference) that are kept for evaluation. Every other one is for
# training, also one that a later Python adds.
HELD_OUT = frozenset(
    document
    for documents in (
        "email.header email.policy http.client poplib urllib.parse xmlrpc.client",
        "json.decoder xml.dom.minidom xml.sax._exceptions xml.sax.xmlreader",
        "gzip lzma tempfile zipfile",
        "asyncio.futures asyncio.locks concurrent.futures.process multiprocessing.connection queue",
        "unittest.case unittest.loader unittest.suite",
        "fractions statistics",
        "reference.assignment reference.calls reference.class reference.comparisons",
        "reference.raise reference.sequence-types",
    )
    for document in documents.split()
)


# A passage has at least so many words, and ends with the sentence that takes it past ENOUGH_WORDS.
MIN_WORDS = 8
ENOUGH_WORDS = 14
MAX_WORDS = 40

_RULE = re.compile(r"^\s*([-=~*^#_\"'+.])\1{2,}\s*$")
_BULLET = re.compile(r"^\s*(?:[-*•+]|\d+[.)])\s+")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]?\s+(?=[\"'(\[]?[A-Z])")
_WORD = re.compile(r"[A-Za-z]{2,}")

_DOCUMENTED = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Passage:
    """One passage: the `index`-th of the docstring of `section` in `document`."""

    document: str
    section: str
    index: int
    area: str
    text: str

    @property
    def id(self) -> str:
        """A stable name, such as `asyncio.events/BaseEventLoop.run_forever/2`."""
        return "/".join(part for part in (self.document, self.section, str(self.index)) if part)

    @property
    def held_out(self) -> bool:
        """True if the document is kept for evaluation."""
        return self.document in HELD_OUT


@dataclass(frozen=True)
class Corpus:
    """All passages in reading order, no two of them with the same words."""

    passages: tuple[Passage, ...]

    def origin(self) -> dict[str, object]:
        """Return what identifies the corpus: its hash, size, and the Python that it comes from."""
        digest = hashlib.sha256()
        for passage in self.passages:
            digest.update(f"{passage.id}\t{passage.text}\n".encode())
        return {
            "sha256": digest.hexdigest(),
            "python": platform.python_version(),
            "passages": len(self.passages),
            "documents": len({passage.document for passage in self.passages}),
        }


def read_corpus(library: Path | None = None) -> Corpus:
    """Read the corpus from the standard library's sources; nothing is imported or executed.

    `library` is their folder; by default the running Python's.
    """
    library = library or Path(sysconfig.get_path("stdlib"))
    passages: list[Passage] = []
    seen: set[str] = set()
    for area, document, section, text in _texts(library):
        for index, passage in enumerate(passages_of(text)):
            words = normalised(passage)
            if words not in seen:
                seen.add(words)
                passages.append(Passage(document, section, index, area, passage))
    return Corpus(tuple(passages))


def _texts(library: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield area, document, section and text of everything that the corpus covers."""
    for area, names in AREAS.items():
        for name in names:
            for file in _sources(library, name):
                document = _module_name(library, file)
                for section, text in _docstrings(_parse(file)):
                    yield area, document, section, text
    pages = _reference(library / TOPICS_FILE)
    for page, text in sorted(pages.items()):
        if page in NOT_REFERENCE:
            continue
        yield REFERENCE, f"{REFERENCE}.{page}", "", text


def _sources(library: Path, name: str) -> list[Path]:
    """Return the source files of a module, or of a package with all that is below it, sorted."""
    package = library.joinpath(*name.split("."))
    single = package.with_suffix(".py")
    if single.is_file():
        return [single]
    files = sorted(
        file
        for file in package.rglob("*.py")
        if not {"test", "tests", "__main__.py"} & set(file.relative_to(library).parts)
    )
    if not files:
        raise _stripped(single)
    return files


def _stripped(file: Path) -> UserError:
    return UserError(
        f"{file}: no such file: this Python installation lacks sources of its standard library,"
        " whose documentation the task's data are made of; use a complete one (python.org, conda,"
        " a distribution's full python3 package), or take a task whose data come from the hub"
    )


def _module_name(library: Path, file: Path) -> str:
    parts = file.relative_to(library).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _parse(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), filename=str(file))
    except FileNotFoundError:
        raise _stripped(file) from None
    except (SyntaxError, ValueError) as error:
        raise UserError(f"{file}: not a Python source that can be read: {error}") from None


def _docstrings(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield (qualified name, docstring) in source order; the first of two definitions of a name."""
    seen: set[str] = set()

    def visit(node: ast.AST, name: str) -> Iterator[tuple[str, str]]:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text and name not in seen:
                seen.add(name)
                yield name, text
        for child in ast.iter_child_nodes(node):
            if isinstance(child, _DOCUMENTED):
                yield from visit(child, f"{name}.{child.name}".lstrip("."))
            elif isinstance(child, ast.stmt | ast.excepthandler):
                yield from visit(child, name)

    yield from visit(tree, "")


def _reference(file: Path) -> dict[str, str]:
    """Return the language reference's pages by name, from the literal assigned to `topics`."""
    for node in _parse(file).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            try:
                pages = ast.literal_eval(node.value)
            except ValueError:
                continue
            return {str(page): str(text) for page, text in pages.items()}
    raise UserError(f"{file}: holds no table of the language reference's pages")


def passages_of(text: str) -> Iterator[str]:
    """Yield the passages of a docstring or a reference page, in order.

    Left out: interpreter sessions (`>>>`) with their output, rules under headings, grammar, code,
    and what has fewer than `MIN_WORDS` words.
    """
    for paragraph in _paragraphs(text):
        yield from _pack(paragraph)


def normalised(passage: str) -> str:
    """Return the passage's words in lower case: what makes two passages the same passage."""
    return " ".join(re.findall(r"\w+", passage.lower()))


def _paragraphs(text: str) -> Iterator[str]:
    lines: list[str] = []
    session = False
    for line in [*text.expandtabs().splitlines(), ""]:
        stripped = line.strip()
        if not stripped:
            session = False
        session = session or stripped.startswith(">>>")
        if session:
            continue
        if not stripped or _RULE.match(line) or _BULLET.match(line):
            if lines:
                yield " ".join(lines)
            lines = []
        if stripped and not _RULE.match(line):
            lines.append(_BULLET.sub("", stripped))


def _pack(paragraph: str) -> Iterator[str]:
    """Yield runs of whole sentences of the paragraph, each just long enough."""
    run: list[str] = []
    for sentence in _SENTENCE_END.split(" ".join(paragraph.split())):
        run += sentence.split()
        if len(run) >= ENOUGH_WORDS:
            if _is_prose(run):
                yield " ".join(run)
            run = []
    if _is_prose(run):
        yield " ".join(run)


def _is_prose(words: list[str]) -> bool:
    if not MIN_WORDS <= len(words) <= MAX_WORDS:
        return False
    text = " ".join(words)
    plain = sum(1 for word in words if _WORD.fullmatch(word.strip("\"'`*_()[],.;:!?“”‘’")))
    return "::=" not in text and plain >= 0.6 * len(words)
