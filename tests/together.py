"""What several processes do together in tests: functions that they import by name."""

from typing import Any

from essential_sparsity.support.errors import UserError


def refuse() -> None:
    raise UserError("batch_size: 0: too few")


def be_broken() -> None:
    raise ValueError("a defect")


def fine_tune_until(step: int, *arguments: Any) -> Any:
    """Fine-tune, and fail in the middle."""
    from essential_sparsity.runs import callbacks
    from essential_sparsity.runs.fine_tuning import fine_tune

    def fail(self: Any, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == step:
            raise RuntimeError("killed")

    callbacks.Progress.on_step_end = fail  # type: ignore[method-assign]
    return fine_tune(*arguments)
