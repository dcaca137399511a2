"""The plan of a study as plain text."""

from collections.abc import Iterable
from textwrap import wrap

from essential_sparsity.estimate.amount import Amount, total
from essential_sparsity.estimate.cost import Machine
from essential_sparsity.estimate.inventory import Inventory, Item, left
from essential_sparsity.estimate.runs import RunGroup, all_further, further, group_runs
from essential_sparsity.estimate.submissions import Submission, submission_rows
from essential_sparsity.study import jobs
from essential_sparsity.study.resolve import Resolved
from essential_sparsity.support.lines import format_table

WIDTH = 100

_GB = 1e9
_HOUR = 3600.0
_DAY = 24 * _HOUR


def describe_submissions(submissions: list[Submission], profile: str) -> str:
    """Return what the jobs that are left ask for, as a profile has it."""
    table = _table(submission_rows(submissions, profile))
    note = _paragraph(
        "Of a first attempt, and from the least to the most where jobs differ. What a search asks "
        "for after its next round is not known yet, and not here."
    )
    return f"{table}\n\n{note}\n"


def describe_plan(study: Resolved, machine: Machine, assumed: str = "") -> str:
    """Return what a study asks for, what is there, and what the rest costs.

    Args:
        study: the study.
        machine: what the runs are made on.
        assumed: what is to be said of that, where the user has not named it.

    Raises:
        UserError: the metrics of a cached run are damaged.
    """
    return "\n\n".join(_Report(study, machine, assumed).sections()) + "\n"


class _Report:
    def __init__(self, study: Resolved, machine: Machine, assumed: str) -> None:
        self._assumed = assumed
        self._study = study
        self._machine = machine
        self._inventory = Inventory(study)
        self._groups = group_runs(study, machine)
        self._unit = "GPU-hours" if machine.device == "gpu" else "CPU-hours"

    def sections(self) -> Iterable[str]:
        study = self._study
        there = "" if study.results.exists() else " (not there yet)"
        yield f"Study {study.study.study}: {study.where}, results in {study.results}{there}"
        if self._assumed and self._groups:
            yield _paragraph(self._assumed)
        yield _table(self._downloads())
        yield _table(self._experiments())
        if self._groups:
            yield _table(self._runs(), "<<<")
            yield self._time()
        yield _table(self._disk())
        if self._groups:
            yield self._model()
        yield _paragraph(
            "In results: the file is there. Whether it is up to date, "
            f"`make study STUDY={study.where} ARGS=-n` tells."
        )
        if unknown := self._unknown():
            yield _paragraph(
                f"Unknown, and in no sum: {'; '.join(sorted(unknown))}. Where the catalog is "
                "silent, checkpoints and task data in results tell it: "
                f"`make fetch STUDY={study.where}` brings them, and starts no run."
            )

    def _downloads(self) -> Iterable[list[str]]:
        yield ["To download", "all", "in results", "left", "GB left"]
        for name, items in self._inventory.downloads().items():
            cached = sum(item.cached for item in items)
            yield [
                name,
                str(len(items)),
                str(cached),
                str(len(items) - cached),
                left(items).text(2, _GB),
            ]

    def _experiments(self) -> Iterable[list[str]]:
        study = self._study
        yield ["Experiments", "masks", "in results", "runs", "in results", f"{self._unit} left"]
        seconds = {(g.model, g.task, g.recipe): g.seconds for g in self._groups}
        rows = [
            (
                experiment.name,
                jobs.masks(study, experiment),
                [*jobs.known_runs(study, experiment), *jobs.trainings(study, experiment)],
                further(study, experiment),
            )
            for experiment in study.experiments.values()
        ]
        everything = [*jobs.known_runs(study), *jobs.all_trainings(study)]
        rows.append(("shared ones once", jobs.all_masks(study), everything, all_further(study)))
        for name, masks, runs, more in rows:
            to_make = [run for run in runs if not self._inventory.has_run(run)]
            yield [
                name,
                str(len(masks)),
                str(sum(self._inventory.has_mask(model, mask.name) for model, mask in masks)),
                _at_most(len(runs), more.total()),
                f"{len(runs) - len(to_make):,}",
                total(
                    (
                        *(seconds[run.model, run.task, run.recipe] for run in to_make),
                        *(seconds[place] * count for place, count in more.items()),
                    )
                ).text(1, _HOUR),
            ]

    def _runs(self) -> Iterable[list[str]]:
        yield [
            *("Runs", "task", "recipe"),
            *("all", "in results", "minutes each", "", f"{self._unit} left"),
        ]
        for group in self._groups:
            yield [
                *(group.model, group.task, group.recipe),
                *(_at_most(group.runs, group.further), f"{group.cached:,}"),
                group.seconds.text(1, 60),
                _origin(group),
                group.seconds_left.text(1, _HOUR),
            ]

    def _time(self) -> str:
        ahead = [group for group in self._groups if group.runs_left]
        runs = sum(group.runs_left for group in ahead)
        bound = "at most " if any(group.further for group in ahead) else ""
        seconds = total(group.seconds_left for group in ahead)
        at_once = self._machine.at_once
        longest = max((group.seconds.value for group in ahead), default=0.0)
        wall = Amount(max(seconds.value / at_once, longest), seconds.unknown)
        noun = {"gpu": "GPU(s)", "cpu": "run(s) at once"}[self._machine.device]
        return (
            f"Left: {bound}{runs:,} runs, {seconds.text(1, _HOUR)} {self._unit}; "
            f"with {at_once} {noun} {wall.text(1, _HOUR)} hours ({wall.text(1, _DAY)} days)"
        )

    def _disk(self) -> Iterable[list[str]]:
        yield ["Disk", "files", "GB", "GB left"]
        kinds = self._inventory.artifacts()
        for name, items in kinds.items():
            yield [name, f"{len(items):,}", *_gigabytes(items)]
        every = [item for items in kinds.values() for item in items]
        yield ["together", f"{len(every):,}", *_gigabytes(every)]
        if not self._groups:
            return
        at_once = self._machine.at_once
        restart = self._inventory.restart_point() * at_once
        yield ["restart points of runs at work", str(at_once), restart.text(2, _GB), ""]

    def _model(self) -> str:
        machine = self._machine
        return _paragraph(
            f"Estimated: (6 · training + 2 · evaluation tokens) · prunable weights · epochs at an "
            f"assumed {machine.tflops:g} TFLOP/s (--tflops), and {machine.start_up:g} s to start "
            f"(--start-up). Measured: the median of such runs in results that were made "
            f"on a {machine.device.upper()}, in place of the former. Masks, tables and figures are "
            "not counted. docs/planning.md says how far off this is."
        )

    def _unknown(self) -> frozenset[str]:
        # What is fetched is in no sum of downloads.
        items = [
            *(i for some in self._inventory.downloads().values() for i in some if not i.cached),
            *(item for some in self._inventory.artifacts().values() for item in some),
        ]
        amounts = [*(item.bytes for item in items), *(group.seconds for group in self._groups)]
        return total(amounts).unknown


def _at_most(known: int, further: int) -> str:
    return f"≤ {known + further:,}" if further else f"{known:,}"


def _origin(group: RunGroup) -> str:
    if group.measured:
        return f"measured on {group.measured}"
    return "" if group.seconds.unknown else "estimated"


def _gigabytes(items: list[Item]) -> list[str]:
    return [total(item.bytes for item in items).text(2, _GB), left(items).text(2, _GB)]


def _table(rows: Iterable[list[str]], align: str = "<") -> str:
    return "\n".join(format_table(list(rows), align))


def _paragraph(text: str) -> str:
    return "\n".join(wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False))
