"""Streams of random numbers that a run's seed gives, each independent of the others."""

import numpy as np

DATA_ORDER, DROPOUT = range(2)


def stream_seed(seed: int, stream: int, part: int) -> int:
    """Return the seed of a stream's part: of an epoch's order, of a device's dropout.

    Mixed rather than added up, since torch's generator for CPUs takes 32 bits of a seed, and the
    first epoch of seed 2 is not to have the order of the second one of seed 1.
    """
    return int(np.random.SeedSequence((seed, stream, part)).generate_state(1)[0])
