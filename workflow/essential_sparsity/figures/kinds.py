"""The kinds of figures: every folder here, as its `spec.py` describes it.

To add a kind, add its folder; nothing else names it. See `docs/extending.md`.
"""

import pkgutil

from essential_sparsity import figures
from essential_sparsity.figures.kind import open_kind

FIGURE_KINDS = {
    folder.name: open_kind(f"{figures.__name__}.{folder.name}")
    for folder in pkgutil.iter_modules(figures.__path__)
    if folder.ispkg
}

# What an experiment may be drawn as; the others show a study as a whole, under their own names.
EXPERIMENT_KINDS = {name: kind for name, kind in FIGURE_KINDS.items() if not kind.of_study}
STUDY_KINDS = {name: kind for name, kind in FIGURE_KINDS.items() if kind.of_study}
