"""Predictions belong to the examples that they are written beside."""


def test_batches_of_similar_lengths_do_not_shuffle_what_is_scored(run) -> None:
    """A task that is learnt: right answers in another order than the labels score at chance."""
    grouped = run(sparsity=0.3, epochs=4, group_by_length=True)
    assert grouped.metrics.to_pylist()[-1]["score"] > 90
