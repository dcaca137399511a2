"""The runs of searches: those that are known, and how many there may be besides."""

from collections import Counter
from itertools import count
from pathlib import Path

from essential_sparsity.search.rounds import Round
from essential_sparsity.study.document import Experiment
from essential_sparsity.study.plan import Plan, Run

Place = tuple[str, str, str]


class Searches:
    """A study's searches, as far as the results folder has them."""

    def __init__(self, plan: Plan, results: Path) -> None:
        """Read the rounds that are there.

        Raises:
            UserError: a round is damaged.
        """
        self._plan = plan
        self._found = {e.name: self._last(e, results) for e in plan.searches()}

    def _last(self, experiment: Experiment, results: Path) -> Round:
        found = self._plan.round_spec(experiment).first()
        for number in count(1):
            path = results / self._plan.round_path(experiment, number)
            if found.is_last or not path.exists():
                break
            found = Round.load(path)
        return found

    def runs(self, experiment: Experiment) -> list[Run]:
        """Return the runs of an experiment that are known: of a search, up to its last round."""
        if experiment.search is None:
            return self._plan.runs(experiment)
        return self._plan.searched_runs(experiment, self._found[experiment.name])

    def all_runs(self) -> list[Run]:
        """Return the known runs of the whole study, once."""
        runs = (run for e in self._plan.study.experiments for run in self.runs(e))
        return list(dict.fromkeys(runs))

    def further(self, experiment: Experiment) -> Counter[Place]:
        """Return (model, task, recipe) → how many runs more there may be, by the budget."""
        further: Counter[Place] = Counter()
        if experiment.search is not None:
            for curve in self._found[experiment.name].curves:
                if not curve.settled:
                    (recipe,) = {
                        run.recipe for run in self.runs(experiment) if run.task == curve.task
                    }
                    left = experiment.search.budget - len(list(curve.runs))
                    further[curve.model, curve.task, recipe] += left
        return further

    def all_further(self) -> Counter[Place]:
        """Return the same of the whole study."""
        return sum((self.further(e) for e in self._plan.searches()), Counter())
