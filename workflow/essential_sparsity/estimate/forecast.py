"""What is said of the time of runs when they start: on a machine without a GPU, a line."""

from collections import Counter
from collections.abc import Iterable, Mapping

from essential_sparsity.estimate.amount import Amount, total
from essential_sparsity.estimate.cost import START_UP, TFLOPS, Device, Machine
from essential_sparsity.estimate.runs import Place, run_seconds
from essential_sparsity.study.resolve import Resolved
from essential_sparsity.support.errors import UserError

# Cached runs of each kind that are looked at: a study of thousands has to start at once.
_MOST = 9
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def expected_seconds(
    study: Resolved, device: Device, places: Iterable[Place]
) -> dict[Place, Amount]:
    """Return (model, task, recipe) → what a run takes there.

    Args:
        study: the study.
        device: what the runs are made on.
        places: of them.
    """
    machine = Machine(device, TFLOPS[device], START_UP, at_once=1)
    try:
        return {place: run_seconds(study, machine, place, _MOST)[0] for place in places}
    except UserError:
        # Damaged metrics are for the job that needs them to name.
        return {place: Amount.of(None, "metrics") for place in places}


def forecast(seconds: Mapping[Place, Amount], runs: Counter[Place], cores: int) -> str:
    """Return the line: how many runs there are, on how many cores, and how long they take.

    Args:
        seconds: (model, task, recipe) → what a run takes there.
        runs: (model, task, recipe) → how many runs start, at least one in all.
        cores: how many of them are at work together.
    """
    count = runs.total()
    at_once = min(cores, count)
    all_of_them = total(seconds[place] * number for place, number in runs.items())
    longest = max(seconds[place].value for place in runs)
    wall = Amount(max(all_of_them.value / at_once, longest), all_of_them.unknown)
    runs_on = f"{count:,} run(s) on {at_once} core(s)"
    return f"no GPU: {runs_on} take {duration(wall)}; `make plan` tells more"


def duration(time: Amount) -> str:
    """Return a time of some seconds in words, as exactly as it may be known."""
    if not time.value:
        return "a time that is not known yet"
    units = ((_DAY, "days"), (_HOUR, "h"))
    unit, name = next((pair for pair in units if time.value > 2 * pair[0]), (_MINUTE, "min"))
    return f"{'more than' if time.unknown else 'about'} {max(1, time.value / unit):,.0f} {name}"
