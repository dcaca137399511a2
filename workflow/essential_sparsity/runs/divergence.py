"""Training that has diverged: the user's to mend, by the recipe."""

from essential_sparsity.support.errors import UserError

REMEDY = "a smaller learning_rate in the recipe is the usual remedy"


class Diverged(UserError):
    """Something that training goes by is no finite number any more; `finding` says what."""

    def __init__(self, finding: str, title: str = "") -> None:
        """Take the finding, and the title of the run where the message is to name it."""
        self.finding = finding
        name = f"{title}: " if title else ""
        super().__init__(f"{name}{finding}: training diverged; {REMEDY}")
