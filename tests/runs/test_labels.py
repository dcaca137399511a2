"""A run's rows say of themselves which run it is, and under which mask it was."""

from typing import Any

import pyarrow as pa
import pytest

from essential_sparsity.masks.criteria.imported import Imported
from essential_sparsity.masks.criteria.magnitude import Magnitude
from essential_sparsity.masks.criteria.ticket import Ticket
from essential_sparsity.masks.spec import MaskSpec
from essential_sparsity.outcomes.columns import RUN_COLUMNS
from essential_sparsity.runs.labels import labels_of_run, with_labels
from essential_sparsity.support.errors import UserError
from finished_runs import RECIPE, header_of


def labels(mask: MaskSpec, task: str = "rte", seed: int = 1) -> dict[str, Any]:
    return labels_of_run(header_of(mask), "bert", task, RECIPE, seed)


def test_columns_come_first_and_say_what_the_mask_is() -> None:
    metrics = pa.table({"epoch": [1.0, 2.0], "score": [50.0, 75.0]})
    table = with_labels(metrics, labels(Magnitude(pattern="2:4")))
    assert table.schema == pa.schema([*RUN_COLUMNS, *metrics.schema])
    rows = table.to_pylist()
    curves = [{"mask": "magnitude-2of4", "family": "magnitude-nof4", "label": "magnitude, N:4"}]
    assert rows[1] == {
        "model": "bert", "task": "rte", "recipe": RECIPE, "mask": "magnitude-2of4",
        "family": "magnitude-nof4", "label": "magnitude, N:4", "criterion": "magnitude",
        "scope": "N:4", "pattern": "2:4", "sparsity": 0.5, "seed": 1, "curves": curves,
        "epoch": 2.0, "score": 75.0,
    }  # fmt: skip


def test_a_sparsity_that_nobody_asked_for_is_the_one_counted() -> None:
    assert labels(Imported(mask="x", file="x.safetensors"))["sparsity"] == 0.25


@pytest.mark.parametrize(
    ("task", "seed", "families"),
    [
        ("rte", 1, ["rte-{}-seed1", "seed1", "rte-{}", ""]),
        ("rte", 2, ["rte-{}-seed1", "seed1"]),
        ("sst2", 1, ["rte-{}-seed1", "rte-{}"]),
        ("sst2", 2, ["rte-{}-seed1"]),
    ],
)
def test_a_ticket_is_a_point_of_every_curve_that_it_fits(
    task: str, seed: int, families: list[str]
) -> None:
    """Of its own, and where it is the run's own ticket, of tickets that are found for each run."""
    ticket = Ticket(sparsity=0.5, task="rte", recipe=RECIPE, seed=1)
    found = labels(ticket, task, seed)
    assert found["mask"] == ticket.name
    names = ["-".join(filter(None, ("ticket-global", f.format(RECIPE)))) for f in families]
    assert [curve["family"] for curve in found["curves"]] == names
    assert [curve["mask"] for curve in found["curves"]] == [f"{name}-s0.50" for name in names]
    # These are the names that a study knows, which says neither task nor seed, or one of them.
    assert Ticket(sparsity=0.5).label().family == "ticket-global"
    assert Ticket(sparsity=0.5, seed=1).family == "ticket-global-seed1"


def test_a_mask_of_no_known_criterion_is_named() -> None:
    header = header_of(Magnitude(sparsity=0.5)).model_copy(update={"spec": {"criterion": "mine"}})
    with pytest.raises(
        UserError, match=r"mask 'magnitude-global-s0\.50': spec: criterion: unknown"
    ):
        labels_of_run(header, "bert", "rte", RECIPE, 1)
