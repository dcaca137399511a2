"""Training examples that a task sets aside."""

from dataclasses import replace

from essential_sparsity.support.errors import UserError
from essential_sparsity.tasks.sampling import lowest_hashes
from essential_sparsity.tasks.source import Source
from essential_sparsity.tasks.spec import TaskDataSpec


def hold_out(source: Source, spec: TaskDataSpec) -> Source:
    """Return the source without the training examples that the task sets aside, chosen by hash.

    Where the task is scored on them, they are the evaluation split.

    Raises:
        UserError: more are to be set aside than there are, or none although they are scored on.
    """
    if spec.hold_out is None:
        if spec.score_on == "held-out":
            raise UserError("score_on: 'held-out' needs hold_out, the examples to set aside")
        return source
    train = source.splits["train"]
    wanted = spec.hold_out * train.num_rows if spec.hold_out < 1 else spec.hold_out
    count = round(wanted)
    if not 0 < count < train.num_rows:
        raise UserError(
            f"hold_out: {spec.hold_out:g} sets aside {count} of {train.num_rows} training examples;"
            " at least one has to be, and at least one has to be left"
        )
    aside = lowest_hashes(train.column("id").to_pylist(), count, purpose="hold-out ")
    kept = sorted(set(range(train.num_rows)) - set(aside))
    splits = {**source.splits, "train": train.take(kept)}
    if spec.score_on == "held-out":
        splits["evaluation"] = train.take(aside)
    return replace(source, splits=splits)
