"""What a figure is told besides its tables: the words on it."""

from essential_sparsity.spec import Spec


class FigureSpec(Spec):
    """Labels by catalog name, and ε for the line that marks it."""

    models: dict[str, str] = {}
    tasks: dict[str, str] = {}
    epsilon: float = 1.0
