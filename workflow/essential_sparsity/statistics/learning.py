"""Whether there is anything to lose: a drop means something where the dense model has learnt."""


def is_learnt(score_low: float, constant: float | None) -> bool:
    """Tell whether a dense model is better than one and the same answer to everything.

    Args:
        score_low: the lower bound of its score.
        constant: the best such answer's score; None where there is no such answer.
    """
    return constant is None or bool(score_low > constant)
