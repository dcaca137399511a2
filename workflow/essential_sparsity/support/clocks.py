"""Times that cannot be: of files that say they were written later than now."""

import contextlib
import os
import time
from pathlib import Path

# Snakemake's records, whose times nobody compares.
_RECORDS = ".snakemake"


def settle(folder: Path) -> int:
    """Let files below `folder` that are of the future be of now; return how many there were.

    A clock that was wrong leaves them, or a copy. Snakemake takes a job whose input is newer than
    its output for one that went wrong, and deletes what it made: a run of hours, at its end.
    """
    settled = 0
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
                    settled += 1
    return settled
