"""The sizes of models and tasks, by the catalog or by what is fetched, and what follows.

What is fetched may be out of date, or damaged: that is for the jobs that need it to say. Here it is
an estimate's matter, and what cannot be read is unknown.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec
from essential_sparsity.stages import paths
from essential_sparsity.study.catalog import ModelSize, TaskSize
from essential_sparsity.study.resolve import Resolved
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import read_json
from essential_sparsity.tasks.manifest import TaskData, load_task

# Names of a model's sizes, and what they are called in the configuration of a model of images.
_OF_IMAGES = {"image_size": "image_size", "patch": "patch_size"}


@dataclass(frozen=True)
class Amount:
    """A number, and the facts that are unknown and therefore not in it.

    An unknown fact counts nothing and is remembered: a sum that has one is a lower bound, and a
    product with one is 0 and unknown.
    """

    value: float = 0.0
    unknown: frozenset[str] = frozenset()

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.value + other.value, self.unknown | other.unknown)

    def __mul__(self, other: "Amount | float") -> "Amount":
        other = other if isinstance(other, Amount) else Amount(other)
        return Amount(self.value * other.value, self.unknown | other.unknown)

    def at_most(self, limit: float | None) -> "Amount":
        """Return the amount, or the limit if there is one and it is below."""
        return self if limit is None or self.unknown else Amount(min(self.value, limit))

    def text(self, decimals: int = 0, unit: float = 1.0) -> str:
        """Return the number in `unit`s: `12`, `> 12` if something is left out, or `unknown`."""
        if self.unknown and not self.value:
            return "unknown"
        return f"{'> ' if self.unknown else ''}{self.value / unit:,.{decimals}f}"


def total(amounts: Iterable[Amount]) -> Amount:
    """Return the sum."""
    return sum(amounts, Amount())


class Sizes:
    """How large a study's models and tasks are.

    The catalog comes first. What neither it nor a checkpoint or task data in the results say is
    unknown. An artifact is read once, when it is there.
    """

    def __init__(self, study: Resolved) -> None:
        """Take the study; its folder of results need not exist."""
        self._study = study
        self._checkpoints: dict[str, Mapping[str, float]] = {}
        self._data: dict[str, list[TaskData]] = {}

    def model(self, name: str, key: str) -> Amount:
        """Return one of `ModelSize`'s numbers; a random start is as large as its base."""
        entry = self._study.models[name]
        if entry.base:
            return self.model(entry.base, key)
        return _fact(entry.size, key, f"model {name}", lambda: self._checkpoint(name).get(key))

    def task(self, name: str, key: str) -> Amount:
        """Return one of `TaskSize`'s numbers, but for tokens."""
        size = self._study.tasks[name].size
        return _fact(size, key, f"task {name}", lambda: self._counted(name, key))

    def examples(self, task: str, recipe: RecipeSpec) -> tuple[Amount, Amount]:
        """Return how many examples an epoch trains on, and how many are scored after it."""
        return (
            self.task(task, "train").at_most(recipe.train_examples),
            self.task(task, "evaluation").at_most(recipe.evaluation_examples),
        )

    def tokens(self, model: str, task: str, recipe: RecipeSpec, padding: float = 1) -> Amount:
        """Return the tokens of an example, on average.

        A text has `padding` times its own, cut to the recipe's length; an image has one for each
        patch, and [CLS].
        """
        if not self.has_images(task):
            longest = recipe.max_length
            tokens = _fact(
                self._study.tasks[task].size,
                "tokens",
                f"task {task}",
                lambda: self._mean_tokens(task, model, longest),
            )
            return (tokens * padding).at_most(longest)
        side, patch = self.side(model, recipe), self.model(model, "patch")
        if side.unknown or patch.unknown:
            return side * patch
        return Amount((side.value // patch.value) ** 2 + 1)

    def side(self, model: str, recipe: RecipeSpec) -> Amount:
        """Return the height and width of images in pixels."""
        if recipe.image_size is not None:
            return Amount(recipe.image_size)
        return self.model(model, "image_size")

    def has_images(self, task: str) -> bool:
        """Tell whether a task's examples are images."""
        return "image_size" in self._study.tasks[task].examples.preprocessing

    def classes(self, task: str) -> Amount:
        """Return the number of classes, 0 for a task without."""
        examples = self._study.tasks[task].examples
        if examples.reads != "classes":
            return Amount()
        labels = getattr(examples, "labels", None)
        return Amount(len(labels)) if labels else self.task(task, "classes")

    def _checkpoint(self, model: str) -> Mapping[str, float]:
        """Return `ModelSize`'s numbers, as far as the checkpoint tells them."""
        if model not in self._checkpoints:
            folder = self._study.results / paths.CHECKPOINT.format(model=model)
            with contextlib.suppress(UserError, OSError):
                manifest = load_manifest(folder, verify=False)
                config = read_json(folder / "config.json", "configuration")
                self._checkpoints[model] = {
                    "megabytes": sum((folder / f).stat().st_size for f in manifest.files) / 1e6,
                    "parameters": manifest.parameter_count,
                    "prunable": manifest.prunable_count,
                    **{k: config[of] for k, of in _OF_IMAGES.items() if _is_count(config.get(of))},
                }
        return self._checkpoints.get(model, {})

    def _counted(self, task: str, key: str) -> float | None:
        """Return one of `TaskSize`'s numbers but for tokens, None if no data of the task tell."""
        for data in self._task_data(task):
            return len(data.labels) or None if key == "classes" else data.examples.get(key)
        return None

    def _mean_tokens(self, task: str, model: str, max_length: int) -> float | None:
        """Return the tokens of a training text, on average; None if no data of the task tell.

        Of several they are those cut nearest to `max_length`, by the model's tokenizer if there
        is a choice: others need much the same.
        """

        def distance(data: TaskData) -> tuple[int, bool]:
            length = int(data.document["preprocessing"]["max_length"])
            return abs(length - max_length), not data.folder.name.startswith(f"{model}-")

        with contextlib.suppress(KeyError, TypeError, ValueError):
            told = [data for data in self._task_data(task) if "tokens" in data.document]
            return float(min(told, key=distance).document["tokens"]["train"]["mean"])
        return None

    def _task_data(self, task: str) -> list[TaskData]:
        if not self._data.get(task):
            found = self._data[task] = []
            pattern = paths.TASK_MANIFEST.format(task=task, preprocessor="*")
            for file in sorted(self._study.results.glob(pattern)):
                with contextlib.suppress(UserError):
                    found.append(load_task(file.parent, verify=False))
        return self._data[task]


def _fact(
    size: ModelSize | TaskSize | None, key: str, of: str, found: Callable[[], float | None]
) -> Amount:
    value = getattr(size, key, None)
    value = found() if value is None else value
    if value is not None:
        return Amount(value)
    return Amount(unknown=frozenset({f"{of}: size" if size is None else f"{of}: size.{key}"}))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value > 0
