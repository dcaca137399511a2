"""Files that are whole or absent: atomic writes, SHA-256s, and seals.

A sealed file carries its own SHA-256, so that one changed byte anywhere is noticed. A writer puts
`BLANK` into the file as a text of its format (a key's value, say) and calls `seal` when the file is
whole: the zeros in it become the digest of the bytes before. Files without a seal are older than
seals, or not of this project.
"""

import contextlib
import hashlib
import json
import mmap
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from essential_sparsity.support.errors import UserError

KEY = "sealed"
REMEDY = "`make repair` removes what is damaged, then run the study again"

# Words on both sides: one changed byte cannot make a sealed file pass for one without a seal.
_BEFORE, _AFTER = b"essential-sparsity sha256 ", b" over this file, these digits as zeros"
_ZEROS = b"0" * 64
BLANK = (_BEFORE + _ZEROS + _AFTER).decode()


def seal(path: Path) -> None:
    """Put the digest into the file's last `BLANK`; a file without one is a defect of its writer."""
    with path.open("r+b") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            start = data.rfind(BLANK.encode())
            if start < 0:
                raise ValueError(f"{path}: has no place for a seal")
            start += len(_BEFORE)
            digest = _digest(data, start)
        file.seek(start)
        file.write(digest)


def check_seal(path: Path) -> bool:
    """Return whether the file has a seal; raise a `UserError` if it is not what was sealed."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            before, after = data.rfind(_BEFORE), data.rfind(_AFTER)
            if before < 0 and after < 0:
                return False
            start = before + len(_BEFORE)
            if before < 0 or start + 64 != after or data[start:after] != _digest(data, start):
                raise UserError(
                    f"{path}: damaged: changed since it was written, its bytes are not those that "
                    f"its seal (sha256) is of; {REMEDY}"
                )
    return True


def _digest(data: mmap.mmap, start: int) -> bytes:
    """Return the hexadecimal SHA-256 of `data`, the 64 bytes from `start` taken as zeros."""
    with memoryview(data) as view, view[:start] as head, view[start + 64 :] as tail:
        digest = hashlib.sha256(head)
        digest.update(_ZEROS)
        digest.update(tail)
    return digest.hexdigest().encode()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of the file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_all(paths: list[Path]) -> dict[str, str]:
    """Return file name → SHA-256, files hashed side by side on the cores at hand."""
    with ThreadPoolExecutor(available_cores()) as pool:
        return dict(zip((path.name for path in paths), pool.map(sha256_of, paths), strict=True))


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def atomic_path(final: Path) -> Iterator[Path]:
    """Yield a temporary path beside `final`; rename it to `final` if the block ends well.

    A crash leaves at most the hidden temporary file, an error leaves nothing.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=final.parent, prefix=f".{final.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~umask())
        temporary.replace(final)
    except OSError as error:
        # A full disk is noticed by calls that know no path.
        error.filename = error.filename or str(final)
        raise
    finally:
        temporary.unlink(missing_ok=True)


_UMASK = threading.Lock()


def umask() -> int:
    """Return this process's umask: to be told it, one has to set it, one thread at a time."""
    with _UMASK:
        found = os.umask(0)
        os.umask(found)
    return found


@contextlib.contextmanager
def atomic_folder(final: Path) -> Iterator[Path]:
    """Yield a fresh folder beside `final`; put it in `final`'s place if the block ends well.

    An existing `final` is replaced as a whole, so that no file of an older version survives.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name}.", suffix=".part"))
    try:
        yield temporary
        temporary.chmod(0o777 & ~umask())
        if final.exists():
            shutil.rmtree(final)
        temporary.replace(final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_space(path: Path, size: int, what: str = "") -> None:
    """Check that the disk has room for `size` bytes, which `what` (or `path`) takes there."""
    free = shutil.disk_usage(path.parent).free
    if size > free:
        raise UserError(
            f"{what or path}: takes {size / 1e9:.2f} GB, and the disk has {free / 1e9:.2f} GB left"
        )


# Snakemake's records, whose times nobody compares.
_RECORDS = ".snakemake"


def correct_times(folder: Path) -> int:
    """Set the times of files below `folder` that lie in the future to now; return their number.

    A clock that was wrong leaves them, or a copy. Snakemake takes a job whose input is newer than
    its output for one that went wrong, and deletes what it made: a run of hours, at its end.
    """
    corrected = 0
    for place, folders, names in os.walk(folder):
        if _RECORDS in folders:
            folders.remove(_RECORDS)
        now = time.time()
        for name in names:
            # Files may be gone meanwhile, or another user's.
            with contextlib.suppress(OSError):
                file = os.path.join(place, name)
                if os.lstat(file).st_mtime > now and not os.path.islink(file):
                    os.utime(file)
                    corrected += 1
    return corrected


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write `document` to `path` atomically and sealed, keys in the order given, one key a line."""
    text = json.dumps({**document, KEY: BLANK}, indent=1, ensure_ascii=False) + "\n"
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
        seal(temporary)


def read_json(path: Path, what: str) -> dict[str, Any]:
    """Read a JSON object without its seal; `what` names the kind of file in the error."""
    try:
        check_seal(path)
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; a {what} was expected there") from None
    except ValueError as error:  # no text, no JSON, or a number of too many digits
        raise UserError(f"{path}: not a {what}: {error}") from None
    except RecursionError:
        raise UserError(f"{path}: not a {what}: nested too deeply") from None
    if not isinstance(document, dict):
        raise UserError(f"{path}: not a {what}: holds {type(document).__name__}, not an object")
    document.pop(KEY, None)
    return document
