"""The facts that the catalog states of models and tasks, and what follows from them."""

from essential_sparsity.catalog import ModelSize, TaskSize
from essential_sparsity.plan import Plan
from essential_sparsity.planning.amount import Amount
from essential_sparsity.runs.spec import RecipeSpec


class Sizes:
    """How large a study's models and tasks are. What the catalog does not say is unknown."""

    def __init__(self, plan: Plan) -> None:
        """Take the study's plan."""
        self._models = plan.models
        self._tasks = plan.tasks

    def model(self, name: str, key: str) -> Amount:
        """Return one of `ModelSize`'s numbers; a random start is as large as its base."""
        base = self._models[name].base
        return self.model(base, key) if base else _fact(f"model {name}", self._size(name), key)

    def task(self, name: str, key: str) -> Amount:
        """Return one of `TaskSize`'s numbers."""
        return _fact(f"task {name}", self._tasks[name].size, key)

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
            return (self.task(task, "tokens") * padding).at_most(recipe.max_length)
        size = self._size(model)
        if size is None:
            return self.model(model, "patch")
        side = recipe.image_size or size.image_size
        return Amount((side // size.patch) ** 2 + 1)

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

    def _size(self, model: str) -> ModelSize | None:
        entry = self._models[model]
        return self._size(entry.base) if entry.base else entry.size


def _fact(of: str, size: ModelSize | TaskSize | None, key: str) -> Amount:
    if size is None:
        return Amount.of(None, f"{of}: size")
    return Amount.of(getattr(size, key), f"{of}: size.{key}")
