"""The plan of a study as plain text."""

from collections.abc import Iterable, Iterator
from textwrap import wrap

from essential_sparsity.estimate.cost import Machine, wall_time
from essential_sparsity.estimate.inventory import Inventory, Item, Runs
from essential_sparsity.estimate.sizes import total
from essential_sparsity.estimate.submissions import Submission
from essential_sparsity.study.resolve import Resolved
from essential_sparsity.support.lines import WIDTH, format_table
from essential_sparsity.support.pipeline import PROFILES

_GB = 1e9
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0

Rows = Iterable[list[str]]


def describe_plan(study: Resolved, machine: Machine, assumed: str = "") -> str:
    """Return what a study asks for, what is there, and what the rest costs.

    Args:
        study: the study.
        machine: what the runs are made on.
        assumed: what is to be said of that, where the user has not named it.

    Raises:
        UserError: the metrics of a cached run are damaged, or a round of a search.
    """
    return "\n\n".join(_sections(study, machine, assumed)) + "\n"


def describe_submissions(submissions: list[Submission], profile: str) -> str:
    """Return what the jobs that are left ask for, as a profile has it."""
    note = _paragraph(
        "Of a first attempt, and from the least to the most where jobs differ. What a search asks "
        "for after its next round is not known yet, and not here."
    )
    return f"{_table(_submissions(submissions, profile))}\n\n{note}\n"


def _sections(study: Resolved, machine: Machine, assumed: str) -> Iterator[str]:
    inventory = Inventory(study, machine)
    there = "" if study.results.exists() else " (not there yet)"
    yield f"Study {study.study.study}: {study.where}, results in {study.results}{there}"
    if assumed and inventory.runs:
        yield _paragraph(assumed)
    hours = f"{machine.device.upper()}-hours"
    downloads, artifacts = inventory.downloads(), inventory.artifacts()
    yield _table(_downloads(downloads))
    yield _table(_experiments(study, inventory, hours))
    if inventory.runs:
        yield _table(_runs(inventory, hours), "<<<")
        yield _time(inventory, machine, hours)
    yield _table(_disk(inventory, artifacts, machine))
    if inventory.runs:
        yield _paragraph(
            f"Estimated: (6 · training + 2 · evaluation tokens) · prunable weights · epochs at an "
            f"assumed {machine.tflops:g} TFLOP/s (--tflops), and {machine.start_up:g} s to start "
            f"(--start-up). Measured: the median of such runs in results that were made "
            f"on a {machine.device.upper()}, in place of the former. Masks, tables and figures are "
            "not counted. docs/planning.md says how far off this is."
        )
    yield _paragraph(
        "In results: the file is there. Whether it is up to date, "
        f"`make study STUDY={study.where} ARGS=-n` tells."
    )
    amounts = [
        # What is fetched is in no sum of downloads.
        *(item.bytes for items in downloads.values() for item in items if not item.cached),
        *(item.bytes for items in artifacts.values() for item in items),
        *(runs.seconds for runs in inventory.runs.values()),
    ]
    if unknown := total(amounts).unknown:
        yield _paragraph(
            f"Unknown, and in no sum: {'; '.join(sorted(unknown))}. Where the catalog is "
            "silent, checkpoints and task data in results tell it: "
            f"`make fetch STUDY={study.where}` brings them, and starts no run."
        )


def _downloads(downloads: dict[str, list[Item]]) -> Rows:
    yield ["To download", "all", "in results", "left", "GB left"]
    for name, items in downloads.items():
        cached = sum(item.cached for item in items)
        yield [name, str(len(items)), str(cached), str(len(items) - cached), _gb_left(items)]


def _experiments(study: Resolved, inventory: Inventory, hours: str) -> Rows:
    yield ["Experiments", "masks", "in results", "runs", "in results", f"{hours} left"]
    shares = {name: inventory.share(e) for name, e in study.experiments.items()}
    for name, share in [*shares.items(), ("shared ones once", inventory.share())]:
        yield [
            *(name, str(len(share.masks)), str(sum(share.masks))),
            *(_at_most(len(share.runs), share.further), f"{sum(share.runs):,}"),
            share.seconds.text(1, _HOUR),
        ]


def _runs(inventory: Inventory, hours: str) -> Rows:
    yield ["Runs", "task", "recipe", "all", "in results", "minutes each", "", f"{hours} left"]
    for place, runs in inventory.runs.items():
        yield [
            *(*place, _at_most(runs.known, runs.further), f"{runs.cached:,}"),
            *(runs.seconds.text(1, _MINUTE), _origin(runs)),
            (runs.seconds * runs.left).text(1, _HOUR),
        ]


def _time(inventory: Inventory, machine: Machine, hours: str) -> str:
    ahead = {place: runs.left for place, runs in inventory.runs.items() if runs.left}
    bound = "at most " if any(inventory.runs[place].further for place in ahead) else ""
    seconds = {place: runs.seconds for place, runs in inventory.runs.items()}
    work, wall = wall_time(ahead, seconds, at_once=1), wall_time(ahead, seconds, machine.at_once)
    noun = {"gpu": "GPU(s)", "cpu": "run(s) at once"}[machine.device]
    return (
        f"Left: {bound}{sum(ahead.values()):,} runs, {work.text(1, _HOUR)} {hours}; "
        f"with {machine.at_once} {noun} {wall.text(1, _HOUR)} hours ({wall.text(1, _DAY)} days)"
    )


def _disk(inventory: Inventory, artifacts: dict[str, list[Item]], machine: Machine) -> Rows:
    yield ["Disk", "files", "GB", "GB left"]
    together = [item for items in artifacts.values() for item in items]
    for name, items in [*artifacts.items(), ("together", together)]:
        everything = total(item.bytes for item in items).text(2, _GB)
        yield [name, f"{len(items):,}", everything, _gb_left(items)]
    if inventory.runs:
        restart = inventory.restart_point() * machine.at_once
        yield ["restart points of runs at work", str(machine.at_once), restart.text(2, _GB), ""]


def _submissions(submissions: list[Submission], profile: str) -> Rows:
    yield [
        *(f"Left, by {PROFILES}/{profile}", "jobs", "submissions"),
        *("cores", "MB", "minutes", "GPUs"),
    ]
    by_rule: dict[str, list[Submission]] = {}
    for submission in submissions:
        by_rule.setdefault(submission.rule, []).append(submission)
    for rule, some in by_rule.items():
        yield [
            *(rule, f"{sum(s.jobs for s in some):,}", f"{len(some):,}"),
            _span(s.cores for s in some),
            _span(s.mem_mb for s in some),
            _span(s.runtime for s in some),
            _span(s.gpu or None for s in some),
        ]
    jobs = sum(submission.jobs for submission in submissions)
    yield ["together", f"{jobs:,}", f"{len(submissions):,}", "", "", "", ""]


def _at_most(known: int, further: int) -> str:
    return f"≤ {known + further:,}" if further else f"{known:,}"


def _origin(runs: Runs) -> str:
    if runs.measured:
        return f"measured on {runs.measured}"
    return "" if runs.seconds.unknown else "estimated"


def _gb_left(items: list[Item]) -> str:
    return total(item.bytes for item in items if not item.cached).text(2, _GB)


def _span(values: Iterable[int | None]) -> str:
    known = sorted({value for value in values if value is not None})
    return "-".join(f"{value:,}" for value in dict.fromkeys((*known[:1], *known[-1:])))


def _table(rows: Rows, align: str = "<") -> str:
    return "\n".join(format_table(list(rows), align))


def _paragraph(text: str) -> str:
    return "\n".join(wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False))
