"""Seals: files that carry their own SHA-256, so that one changed byte anywhere is noticed.

A writer puts `BLANK` somewhere into the file, as a text of its format (a key's value, say), and
calls `seal` when the file is whole: the zeros in it become the digest of the bytes before.
Files without a seal are older than seals, or not of this project.
"""

import hashlib
import mmap
from pathlib import Path

from essential_sparsity.support.errors import UserError

KEY = "sealed"
REMEDY = "`make repair` removes what is damaged, then run the study again"

# Words on both sides: one changed byte cannot make a sealed file pass for one without a seal.
_BEFORE, _AFTER = b"essential-sparsity sha256 ", b" over this file, these digits as zeros"
_ZEROS = b"0" * 64
BLANK = (_BEFORE + _ZEROS + _AFTER).decode()


def seal(path: Path) -> None:
    """Put the digest into the file's last `BLANK`.

    Raises:
        ValueError: the file has none, a defect of its writer.
    """
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
    """Return whether the file has a seal; it is then what its writer left.

    Raises:
        UserError: it has a seal and differs from what was sealed.
        OSError: it cannot be read.
    """
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
