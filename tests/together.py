"""What several processes do together in tests: functions that they import by name."""

from typing import Any

from essential_sparsity.support.errors import UserError


def refuse() -> None:
    raise UserError("batch_size: 0: too few")


def be_broken() -> None:
    raise ValueError("a defect")


def fine_tune_until(step: int, job: Any) -> Any:
    """Fine-tune, and fail in the middle."""
    from essential_sparsity.runs.procedures.fine_tuning.run import fine_tune
    from essential_sparsity.runs.training import trainer

    def fail(self: Any, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == step:
            raise RuntimeError("killed")

    trainer.Progress.on_step_end = fail  # type: ignore[method-assign]
    return fine_tune(job)
