"""Essential sparsity of pre-trained transformers: masks, fine-tuning, statistics, figures.

The names of `__all__` are public, see docs/api.md; everything else is internal. A name is imported
when it is asked for, so that masks need no library of the statistics, and neither needs torch.
"""

from importlib import import_module

__version__ = "0.1.0"

# Public name → the module below this package that defines it. `__init__.pyi` says their types.
_MODULES = {
    "Checkpoint": "checkpoints.checkpoint",
    "Curve": "estimators.curve",
    "Mask": "masks.mask",
    "Scores": "estimators.curve",
    "Settings": "estimators.settings",
    "UserError": "support.errors",
    "apply_mask": "api",
    "compare_masks": "api",
    "compute_masks": "api",
    "curve_of": "tidy.curve",
    "format_certified": "estimators.words",
    "format_essential": "estimators.words",
    "open_checkpoint": "command.source",
}

__all__ = tuple(_MODULES)


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
