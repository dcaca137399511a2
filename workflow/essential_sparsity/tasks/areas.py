"""The modules that the documentation corpus reads, by area, and those that it holds out."""

from pathlib import Path

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
