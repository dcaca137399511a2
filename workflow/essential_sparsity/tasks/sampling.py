"""Choosing examples by a hash of their names: the same ones on every machine, for every seed."""

import hashlib
from collections.abc import Sequence


def lowest_hashes(names: Sequence[str], count: int, purpose: str = "") -> list[int]:
    """Return the positions, ascending, of the `count` names whose hashes are least.

    Adding names moves few of the others in or out. Another `purpose` is another choice.
    """

    def rank(position: int) -> bytes:
        return hashlib.blake2b((purpose + names[position]).encode(), digest_size=8).digest()

    return sorted(sorted(range(len(names)), key=rank)[:count])
