"""The commit of the code, where it is a clone that git knows."""

import subprocess
from pathlib import Path
from typing import Any

# What results depend on: a study file or a lock file beside it changes no code.
_CODE = ("Snakefile", "rules", "workflow", "catalog", "requirements.lock")


def describe_commit(root: Path) -> dict[str, Any]:
    """Return `commit` of the clone at `root`, and whether its code is `clean`; None if not known.

    Clean is a tree whose code and catalog are those of the commit.
    """
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != root.resolve():
        return {"commit": None, "clean": None}
    commit = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain", "--", *_CODE)
    clean = None if commit is None or changes is None else not changes
    return {"commit": commit, "clean": clean}


def _git(root: Path, *arguments: str) -> str | None:
    # No optional locks: somebody may be at work with git in this clone.
    command = ["git", "--no-optional-locks", "-C", str(root), *arguments]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() if found.returncode == 0 else None
