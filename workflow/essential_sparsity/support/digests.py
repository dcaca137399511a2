"""SHA-256s of files from elsewhere, remembered so that unchanged files are not read again.

A file's time says little about its contents: a copy, a fresh clone or a `touch` makes it new, and a
restored backup that holds something else makes it old. So contents decide what runs again. To read
gigabytes at each look at a study would take long, so a digest is remembered together with size,
times and place of the file, and taken anew as soon as one of these differs.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import sha256_of, write_json

# Seconds. A file that changed so lately may change once more and bear the same time.
_LATELY = 2.0


Chooser = Callable[[Iterable[str]], list[str]]


class Digests:
    """The SHA-256s of files, remembered in a file of its own."""

    def __init__(self, memory: Path) -> None:
        self._memory = memory
        self._known: dict[str, list[object]] = {}
        with contextlib.suppress(OSError, ValueError, AttributeError):
            document = json.loads(memory.read_text(encoding="utf-8"))
            self._known = {k: v for k, v in document.items() if isinstance(v, list)}

    def of(self, paths: Iterable[str], choose: Chooser = sorted) -> dict[str, str]:
        """Return path → SHA-256 in hexadecimal; of a folder, those of the files in it.

        `choose` returns which of a folder's file names count; none do if it raises a `UserError`.

        What is gone counts as what it was when it was last seen: a disk that is not mounted today
        is no reason to do anything again. What was never seen is left out.
        """
        before = dict(self._known)
        files = [file for path in paths for file in self._files(path, choose)]
        found = {file: digest for file in files if (digest := self._digest(file))}
        if self._known != before:
            # What cannot be remembered is read again.
            with contextlib.suppress(OSError):
                write_json(self._memory, self._known)
        return found

    def never_seen(self, paths: Iterable[str]) -> list[str]:
        """Return those of `paths` that are not there, and never were."""
        return [path for path in paths if not os.path.exists(path) and path not in self._known]

    def _files(self, path: str, choose: Chooser) -> list[str]:
        if os.path.isdir(path):
            names = [name for name in os.listdir(path) if os.path.isfile(os.path.join(path, name))]
        else:
            names = [os.path.basename(f) for f in self._known if os.path.dirname(f) == path]
            if not names:
                return [path]
        with contextlib.suppress(UserError):
            return [os.path.join(path, name) for name in choose(names)]
        return []

    def _digest(self, path: str) -> str | None:
        *known, digest = self._known.get(path, [None])
        with contextlib.suppress(OSError):
            state = _state(path)
            if known != state:
                digest = sha256_of(Path(path))
                is_settled = abs(time.time() - os.stat(path).st_ctime) > _LATELY
                known = state if is_settled and _state(path) == state else []
                self._known[path] = [*known, digest]
        return None if digest is None else str(digest)


def _state(path: str) -> list[object]:
    # Whoever sets a file's time back cannot set back when that was done (ctime).
    stat = os.stat(path)
    return [stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
