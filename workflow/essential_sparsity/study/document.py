"""The study file: experiments as data. This typed model is the one source of defaults and docs."""

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from essential_sparsity.figures.kinds import EXPERIMENT_KINDS, STUDY_KINDS
from essential_sparsity.masks.grid import AnyGrid, Grid, RankedGrid, Seed
from essential_sparsity.masks.registry import known_criteria
from essential_sparsity.masks.spec import DENSE
from essential_sparsity.masks.trained import Trained
from essential_sparsity.outcomes.spec import StatisticsSpec
from essential_sparsity.runs.procedures import DEFAULT, known_recipes
from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec, check_recipe
from essential_sparsity.search.spec import SearchSpec
from essential_sparsity.support.spec import Name, Spec
from essential_sparsity.support.validation import explain

if TYPE_CHECKING:
    FigureName = str
else:
    FigureName = Literal[tuple(EXPERIMENT_KINDS)]


def _check_overrides(value: dict[str, object]) -> dict[str, object]:
    """Check keys and values, as far as the recipes of no procedure have them."""
    findings = {}
    for name, kind in known_recipes().items():
        required = {key: 1 for key, field in kind.model_fields.items() if field.is_required()}
        try:
            kind.model_validate({**required, "procedure": name, **value})
        except ValidationError as error:
            findings[name] = explain(error, kind, "of the recipe")
        else:
            return value
    raise ValueError(findings[DEFAULT])


class Experiment(Spec):
    """What is run, and the figure that shows it."""

    name: Name = Field(description="names the experiment's tables and figure")
    figure: FigureName = Field(description="the kind of figure")
    models: tuple[Name, ...] = Field(min_length=1, description="models of the catalog")
    controls: tuple[Name, ...] = Field(
        default=(), description="random starts of the catalog, run dense beside their models"
    )
    tasks: tuple[Name, ...] = Field(default=(), description="tasks of the catalog")
    recipe: Name | None = Field(
        default=None, description="which of each task's recipes; figures of runs need one"
    )
    overrides: Annotated[dict[str, Any], AfterValidator(_check_overrides)] = Field(
        default={}, description="keys of a [recipe](#recipespec), changed for all of the tasks"
    )
    masks: tuple[AnyGrid, ...] = Field(
        default=(), description="which masks; all figures but those of weights need some"
    )
    search: SearchSpec | None = Field(
        default=None,
        description="[sparsities and seeds that results decide](search.md); the masks' own "
        "sparsities are then where it begins, and need not be given",
    )
    seeds: tuple[Seed, ...] = Field(default=(1,), min_length=1, description="one run each")
    seeds_of: dict[Name, tuple[Seed, ...]] = Field(
        default={}, description="other seeds for some of the tasks, such as more for small ones"
    )
    options: dict[str, Any] = Field(
        default={}, description="the figure's own keys: [options](#options-of-figures)"
    )

    def override(self, recipe: RecipeSpec) -> RecipeSpec:
        """Return a task's recipe as this experiment changes it."""
        return check_recipe({**recipe.document(), **self.overrides})

    @cached_property
    def grids(self) -> tuple[Grid, ...]:
        """The grids of masks: where there is a search, all that it may try."""
        if self.search is None:
            return self.masks
        lattice = self.search.lattice()
        return tuple(g.over(lattice) for g in self.masks if isinstance(g, RankedGrid))

    @cached_property
    def beginnings(self) -> tuple[Grid, ...]:
        """The grids of masks with which a search begins."""
        if self.search is None:
            return ()
        beginning = self.search.beginning()
        return tuple(
            g.over(g.sparsities or beginning) for g in self.masks if isinstance(g, RankedGrid)
        )

    def seeds_on(self, task: str) -> tuple[int, ...]:
        """Return the seeds of a task's runs."""
        return self.seeds_of.get(task, self.seeds)

    @model_validator(mode="after")
    def _has_what_its_figure_reads(self) -> "Experiment":
        lists = {key: getattr(self, key) for key in ("models", "controls", "tasks", "seeds")}
        for task, seeds in self.seeds_of.items():
            lists[f"seeds_of.{task}"] = seeds
            if task not in self.tasks:
                raise ValueError(
                    f"seeds_of: '{task}' is none of this experiment's tasks "
                    f"({', '.join(self.tasks)})"
                )
            if not seeds:
                raise ValueError(f"seeds_of.{task}: at least one seed is needed")
        for key, values in lists.items():
            if len(set(values)) < len(values):
                raise ValueError(f"{key}: a value occurs twice in {list(values)}")
        self._check_amounts()
        kind = EXPERIMENT_KINDS[self.figure]
        if (kind.reads == "weights") == bool(self.masks):
            raise ValueError(
                f"figure '{self.figure}' "
                + ("reads the models' weights: no masks" if self.masks else "needs masks")
            )
        if kind.reads == "runs":
            if not self.tasks:
                raise ValueError(f"figure '{self.figure}' needs tasks: at least one")
            if self.recipe is None:
                raise ValueError(f"figure '{self.figure}' needs a recipe of its tasks")
            if self.search is None and all(
                mask == DENSE for grid in self.masks for mask in grid.expanded
            ):
                raise ValueError(f"figure '{self.figure}' needs a sparsity above 0: at least one")
        elif self.tasks or self.controls:
            raise ValueError(
                f"figure '{self.figure}' reads {kind.reads} alone: no tasks, no controls"
            )
        try:
            kind.options.model_validate(self.options)
        except ValidationError as error:
            where = f"of figure '{self.figure}'"
            raise ValueError(f"options: {explain(error, kind.options, where)}") from None
        return self

    def _check_amounts(self) -> None:
        """Check that grids, or a search over them, say how much is removed.

        Raises:
            ValueError: they do not, or the search cannot be made.
        """
        if self.search is None:
            for position, grid in enumerate(self.masks):
                if isinstance(grid, RankedGrid) and grid.is_open:
                    raise ValueError(
                        f"masks[{position}]: how much is removed? state a sparsity or a pattern, "
                        "or let a search find it"
                    )
            return
        if not EXPERIMENT_KINDS[self.figure].searchable:
            known = ", ".join(name for name, kind in EXPERIMENT_KINDS.items() if kind.searchable)
            raise ValueError(f"search: not for figure '{self.figure}', only for {known}")
        try:
            self.search.check_lattice()
            for position, grid in enumerate(self.masks):
                self._check_searched(grid, self.search, f"masks[{position}]")
        except ValueError as error:
            raise ValueError(f"search: {error}") from None

    def _check_searched(self, grid: Grid, search: SearchSpec, key: str) -> None:
        kind = known_criteria()[grid.criterion]
        if not isinstance(grid, RankedGrid) or grid.patterns or issubclass(kind, Trained):
            raise ValueError(
                f"{key}: only masks are searched that a sparsity decides, and no training"
            )
        lattice = search.lattice()
        for sparsity in grid.sparsities:
            if sparsity not in lattice:
                raise ValueError(
                    f"{key}.sparsities: {sparsity:g} is no multiple of {search.resolution:g} "
                    f"from {lattice[0]:g} to {lattice[-1]:g}"
                )
        beginning = len(grid.sparsities or search.beginning())
        seeds = max(map(len, (self.seeds, *self.seeds_of.values())))
        if search.budget < (least := search.least_budget(beginning, seeds)):
            raise ValueError(
                f"budget: {search.budget} runs a curve are fewer than it begins with: {least}, "
                f"{search.reserve()} of them for certification"
            )


class Study(Spec):
    """A study: a name, and experiments."""

    study: Name = Field(description="names the folder of the results")
    catalogs: tuple[str, ...] = Field(
        default=(), description="further catalog folders, relative to the repository's root"
    )
    extensions: tuple[str, ...] = Field(
        default=(),
        description="folders of your own, relative to the study's file, with "
        "[criteria, figures and more](extending.md) that join those of the project",
    )
    experiments: tuple[Experiment, ...] = Field(min_length=1)
    statistics: StatisticsSpec = Field(
        default=StatisticsSpec(), description="intervals and the essential sparsity"
    )

    @model_validator(mode="after")
    def _names_are_unique(self) -> "Study":
        names = [experiment.name for experiment in self.experiments]
        if len(set(names)) < len(names):
            raise ValueError(f"experiments: a name occurs twice in {names}")
        for name in STUDY_KINDS:
            if name in names:
                raise ValueError(f"experiments: '{name}' names the figure of the whole study")
        return self
