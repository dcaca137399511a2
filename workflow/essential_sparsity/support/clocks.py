"""Files whose times lie in the future, after a clock was wrong."""

import contextlib
import os
import time
from pathlib import Path

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
