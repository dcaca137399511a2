"""The sizes of models and tasks that have been fetched, as their artifacts tell them.

What is there may be out of date, or damaged: that is for the jobs that need it to say. Here it is
an estimate's matter, and what cannot be read is unknown.
"""

import contextlib
from pathlib import Path
from typing import Any

from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.stages import paths
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import read_json
from essential_sparsity.tasks.manifest import TaskData, load_task

# The keys of a checkpoint's configuration, as models of images have them, and ours.
_OF_IMAGES = {"image_size": "image_size", "patch_size": "patch"}


class Findings:
    """What a folder of results tells of sizes; each artifact is read once, when it is there."""

    def __init__(self, results: Path) -> None:
        """Take the folder, which need not exist."""
        self._results = results
        self._models: dict[str, dict[str, float]] = {}
        self._tasks: dict[str, list[TaskData]] = {}

    def model(self, name: str) -> dict[str, float]:
        """Return `ModelSize`'s numbers, as far as the checkpoint tells them."""
        if not self._models.get(name):
            folder = self._results / paths.CHECKPOINT.format(model=name)
            self._models[name] = _read_checkpoint(folder)
        return self._models[name]

    def task(self, name: str) -> dict[str, float]:
        """Return `TaskSize`'s numbers but for tokens, as far as the task's data tell them."""
        data = next(iter(self._data(name)), None)
        if data is None:
            return {}
        classes = {"classes": float(len(data.labels))} if data.labels else {}
        return {**{split: float(count) for split, count in data.examples.items()}, **classes}

    def tokens(self, task: str, model: str, max_length: int) -> float | None:
        """Return the tokens of a training text, on average; None if no data of the task tell.

        Of several they are those cut nearest to `max_length`, by the model's tokenizer if there
        is a choice: others need much the same.
        """

        def distance(data: TaskData) -> tuple[int, bool]:
            length = int(data.document["preprocessing"]["max_length"])
            return abs(length - max_length), not data.folder.name.startswith(f"{model}-")

        with contextlib.suppress(KeyError, TypeError, ValueError):
            told = [data for data in self._data(task) if "tokens" in data.document]
            return float(min(told, key=distance).document["tokens"]["train"]["mean"])
        return None

    def _data(self, task: str) -> list[TaskData]:
        if not self._tasks.get(task):
            found = self._tasks[task] = []
            pattern = paths.TASK_MANIFEST.format(task=task, preprocessor="*")
            for file in sorted(self._results.glob(pattern)):
                with contextlib.suppress(UserError):
                    found.append(load_task(file.parent, verify=False))
        return self._tasks[task]


def _read_checkpoint(folder: Path) -> dict[str, float]:
    try:
        manifest = load_manifest(folder, verify=False)
        size = sum((folder / name).stat().st_size for name in manifest.files)
        config = read_json(folder / "config.json", "configuration")
    except (UserError, OSError):
        return {}
    facts = {
        "megabytes": size / 1e6,
        "parameters": manifest.parameter_count,
        "prunable": manifest.prunable_count,
    }
    return facts | {ours: config[key] for key, ours in _OF_IMAGES.items() if _counts(config, key)}


def _counts(config: dict[str, Any], key: str) -> bool:
    return isinstance(config.get(key), int) and config[key] > 0
