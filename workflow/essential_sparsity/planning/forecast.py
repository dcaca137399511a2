"""How long runs take on a machine without a GPU, in a line, as it is said when they start."""

from collections import Counter
from pathlib import Path

from essential_sparsity.errors import UserError
from essential_sparsity.plan import Plan
from essential_sparsity.planning.amount import Amount, total
from essential_sparsity.planning.cost import START_UP, TFLOPS, Machine
from essential_sparsity.planning.runs import run_seconds
from essential_sparsity.planning.searches import Place

# Cached runs of each kind that are looked at: a study of thousands has to start at once.
_MOST = 9
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def forecast(plan: Plan, results: Path, runs: Counter[Place], cores: int) -> str:
    """Return the line: how many runs there are, on how many cores, and how long they take.

    Args:
        plan: the study's plan.
        results: the folder of the results.
        runs: (model, task, recipe) → how many runs start, at least one in all.
        cores: how many of them are at work together.
    """
    count = runs.total()
    at_once = min(cores, count)
    machine = Machine("cpu", TFLOPS["cpu"], START_UP, at_once)
    try:
        seconds = {place: run_seconds(plan, results, machine, place, _MOST)[0] for place in runs}
    except UserError:
        # Damaged metrics are for the job that needs them to name.
        seconds = {place: Amount.of(None, "metrics") for place in runs}
    all_of_them = total(seconds[place] * number for place, number in runs.items())
    longest = max(amount.value for amount in seconds.values())
    wall = Amount(max(all_of_them.value / at_once, longest), all_of_them.unknown)
    runs_on = f"{count:,} run(s) on {at_once} core(s)"
    return f"no GPU: {runs_on} take {_duration(wall)}; `make plan` tells more"


def _duration(time: Amount) -> str:
    if not time.value:
        return "a time that is not known yet"
    units = ((_DAY, "days"), (_HOUR, "h"))
    unit, name = next((pair for pair in units if time.value > 2 * pair[0]), (_MINUTE, "min"))
    return f"{'more than' if time.unknown else 'about'} {max(1, time.value / unit):,.0f} {name}"
