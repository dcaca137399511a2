"""The sizes of models and tasks, by the catalog or by what is fetched, and what follows."""

from collections.abc import Callable

from essential_sparsity.estimate.amount import Amount
from essential_sparsity.estimate.findings import Findings
from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec
from essential_sparsity.study.catalog import ModelSize, TaskSize
from essential_sparsity.study.resolve import Resolved


class Sizes:
    """How large a study's models and tasks are.

    The catalog comes first. What neither it nor a checkpoint or task data in the results say is
    unknown.
    """

    def __init__(self, study: Resolved) -> None:
        """Take the study; its folder of results need not exist."""
        self._models = study.models
        self._tasks = study.tasks
        self._found = Findings(study.results)

    def model(self, name: str, key: str) -> Amount:
        """Return one of `ModelSize`'s numbers; a random start is as large as its base."""
        entry = self._models[name]
        if entry.base:
            return self.model(entry.base, key)
        return _fact(entry.size, key, f"model {name}", lambda: self._found.model(name).get(key))

    def task(self, name: str, key: str) -> Amount:
        """Return one of `TaskSize`'s numbers, but for tokens."""
        size = self._tasks[name].size
        return _fact(size, key, f"task {name}", lambda: self._found.task(name).get(key))

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
                self._tasks[task].size,
                "tokens",
                f"task {task}",
                lambda: self._found.tokens(task, model, longest),
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
        return "image_size" in self._tasks[task].examples.preprocessing

    def classes(self, task: str) -> Amount:
        """Return the number of classes, 0 for a task without."""
        examples = self._tasks[task].examples
        if examples.reads != "classes":
            return Amount(0)
        labels = getattr(examples, "labels", None)
        return Amount(len(labels)) if labels else self.task(task, "classes")


def _fact(
    size: ModelSize | TaskSize | None, key: str, of: str, found: Callable[[], float | None]
) -> Amount:
    value = getattr(size, key, None)
    stated = f"{of}: size" if size is None else f"{of}: size.{key}"
    return Amount.of(found() if value is None else value, stated)
