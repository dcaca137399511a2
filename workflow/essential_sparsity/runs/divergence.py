"""Training that has diverged: the user's to mend, by the recipe."""

from essential_sparsity.errors import UserError


def diverged(finding: str) -> UserError:
    """Return what to raise; `finding` says what is no finite number any more."""
    return UserError(
        f"{finding}: training diverged; a smaller learning_rate in the recipe is the usual remedy"
    )
