"""A study's runs, those of a model, task and recipe together: how many, and what one takes."""

import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from essential_sparsity.estimate.amount import Amount
from essential_sparsity.estimate.cost import Machine, estimated_seconds, run_operations
from essential_sparsity.estimate.inventory import Inventory
from essential_sparsity.estimate.sizes import Sizes
from essential_sparsity.stages import paths
from essential_sparsity.study import jobs
from essential_sparsity.study.jobs import Run
from essential_sparsity.study.resolve import Resolved, ResolvedExperiment
from essential_sparsity.support.tables import read_table

# Model, task, and the recipe's identity in paths.
Place = tuple[str, str, str]


@dataclass(frozen=True)
class RunGroup:
    """Runs of one model, task and recipe: they differ in mask and seed, not in cost.

    The fine-tunings that find masks, as the rounds of lottery tickets do, are among them.

    Attributes:
        model: the model's name.
        task: the task's name.
        recipe: the recipe's identity in paths.
        runs: how many there are.
        cached: how many of them lie in the results folder.
        further: how many more searches may ask for.
        seconds: what one takes, its start-up included.
        measured: how many runs tell it, 0 where it is estimated.
    """

    model: str
    task: str
    recipe: str
    runs: int
    cached: int
    seconds: Amount
    measured: int
    further: int = 0

    @property
    def runs_left(self) -> int:
        """How many are not there yet, at most."""
        return self.runs + self.further - self.cached

    @property
    def seconds_left(self) -> Amount:
        """What those take that are not there yet, one after the other."""
        return self.seconds * self.runs_left


def further(study: Resolved, experiment: ResolvedExperiment) -> Counter[Place]:
    """Return place → how many runs more an experiment's search may ask for, by its budget.

    Raises:
        UserError: a round of the search is damaged.
    """
    found: Counter[Place] = Counter()
    search = experiment.settings.search
    if search is not None:
        for curve in jobs.last_round(study, experiment).curves:
            if not curve.settled:
                place = curve.model, curve.task, experiment.recipes[curve.task]
                found[place] += search.budget - len(list(curve.runs))
    return found


def all_further(study: Resolved) -> Counter[Place]:
    """Return the same of the whole study."""
    return sum((further(study, experiment) for experiment in jobs.searches(study)), Counter())


def run_seconds(
    study: Resolved, machine: Machine, place: Place, most: int | None = None
) -> tuple[Amount, int]:
    """Return what a run takes, its start-up included, and how many runs tell it.

    Args:
        study: the study.
        machine: what the runs are made on.
        place: model, task, and the recipe's identity in paths.
        most: how many cached runs are looked at, None for all.

    Raises:
        UserError: the metrics of a cached run are damaged.
    """
    model, task, recipe = place
    measured = list(islice(_training_seconds(study, place, machine), most))
    if measured:
        training = Amount(statistics.median(measured))
    else:
        sizes = Sizes(study)
        operations = run_operations(sizes, model, task, study.recipes[task, recipe])
        training = estimated_seconds(operations, machine)
    start_up = Amount(0.0 if training.unknown else machine.start_up)
    return training + start_up, len(measured)


def group_runs(study: Resolved, machine: Machine) -> list[RunGroup]:
    """Return the groups of the study's runs.

    Where the results folder has runs of a group's model, task and recipe that were made on the
    machine's kind of device, under whatever mask, the median of their `seconds` takes the place of
    the estimate.

    Raises:
        UserError: the metrics of such a run are damaged.
    """
    inventory = Inventory(study)
    groups: dict[Place, list[Run]] = {}
    more = all_further(study)
    for run in (*jobs.known_runs(study), *jobs.all_trainings(study)):
        groups.setdefault((run.model, run.task, run.recipe), []).append(run)
    found = []
    for (model, task, recipe), runs in groups.items():
        seconds, measured = run_seconds(study, machine, (model, task, recipe))
        cached = sum(map(inventory.has_run, runs))
        found.append(
            RunGroup(
                model,
                task,
                recipe,
                runs=len(runs),
                cached=cached,
                seconds=seconds,
                measured=measured,
                further=more[model, task, recipe],
            )
        )
    return found


def _training_seconds(study: Resolved, place: Place, machine: Machine) -> Iterable[float]:
    model, task, recipe = place
    pattern = paths.METRICS.format(model=model, task=task, recipe=recipe, mask="*", seed="*")
    for file in study.results.glob(pattern):
        row = read_table(file, {"seconds", "device"}).slice(0, 1).to_pylist()[0]
        if (row["device"] == "cpu") == (machine.device == "cpu"):
            yield row["seconds"]
