"""The registry of metrics: every module of this folder that defines `METRICS`, found by name.

To add a metric, add its module; nothing else names it. See `docs/extending.md`.
"""

import pkgutil
from importlib import import_module

from essential_sparsity.metrics.metric import Metric
from essential_sparsity.support import extensions

extensions.join(__path__, "metrics")

_ABOUT = ("metric", "scoring")


def _find() -> dict[str, tuple[Metric, str]]:
    """Return name → metric, and the module that defines it, by what they read."""
    found: dict[str, tuple[Metric, str]] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name in _ABOUT:
            continue
        name = f"{__name__}.{module.name}"
        for metric in import_module(name).METRICS:
            if metric.name in found:
                raise TypeError(f"{name}: metric '{metric.name}' is another module's as well")
            found[metric.name] = (metric, name)
    return dict(sorted(found.items(), key=lambda item: item[1][0].reads))


_FOUND = _find()

METRICS: dict[str, Metric] = {name: metric for name, (metric, _) in _FOUND.items()}


def module_of(metric: str) -> str:
    """Return the module that defines a metric: what a score owes to code starts there."""
    return _FOUND[metric][1]
