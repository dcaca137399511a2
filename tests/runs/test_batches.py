"""However a step is shared out, it is the recipe's: the same examples, each once, in every step."""

from itertools import chain, product

import pytest
import torch

from essential_sparsity.runs.training.batches import Batches, Loader, Sharing

LENGTHS = [3 + 7 * i % 11 for i in range(61)]


def steps(count: int, sharing: Sharing, epoch: int = 0, lengths=None) -> list[list[int]]:
    """Return each step's examples in order, over all devices, as Trainer would take them."""
    found: list[list[list[int]]] = []
    for device in range(sharing.devices):
        batches = Batches(count, sharing, device, seed=3, lengths=lengths)
        batches.set_epoch(epoch)
        parts = list(batches)
        assert len(parts) == len(batches)
        assert all(1 <= len(part) <= sharing.device_batch for part in parts)
        grouped = [parts[i : i + sharing.parts] for i in range(0, len(parts), sharing.parts)]
        found.append([[i for part in step for i in part if i >= 0] for step in grouped])
    assert len({len(of_device) for of_device in found}) == 1
    return [list(chain(*step)) for step in zip(*found, strict=True)]


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_steps_are_the_same_however_they_are_shared(lengths) -> None:
    plain = steps(61, Sharing.fit(8, 1, 0), lengths=lengths)
    assert [len(step) for step in plain] == [8] * 7 + [5]
    assert sorted(chain(*plain)) == list(range(61))
    for devices, limit in product((1, 2, 3, 5), (0, 1, 2, 3, 4, 7, 8, 100)):
        sharing = Sharing.fit(8, devices, limit)
        assert limit == 0 or sharing.device_batch <= limit
        assert steps(61, sharing, lengths=lengths) == plain


def test_devices_take_equally_many_batches_even_of_a_small_last_step() -> None:
    for count, devices, limit in product(range(1, 20), (2, 3), (0, 1, 2)):
        sharing = Sharing.fit(8, devices, limit)
        step = list(range(count % 8 or 8))
        shares = [sharing.shares(step, device) for device in range(devices)]
        assert len({len(share) for share in shares}) == 1
        parts = [part for share in shares for part in share]
        assert list(chain(*(part for part in parts if part[0] >= 0))) == step
        assert all(part == [~step[0]] for part in parts if part[0] < 0)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_limit_that_does_not_divide_the_batch_makes_even_parts() -> None:
    assert [len(part) for part in Sharing.fit(32, 1, 12).shares(list(range(32)), 0)] == [11, 11, 10]
    assert Sharing.fit(32, 1, 12).device_batch == 11
    assert Sharing.fit(32, 2, 0).device_batch == 16
    assert str(Sharing.fit(32, 2, 8)) == (
        "32 examples a step, on 2 device(s) in 2 part(s) of at most 8"
    )


def test_epochs_and_seeds_differ_and_nothing_else_matters() -> None:
    sharing = Sharing.fit(8, 1, 0)
    torch.manual_seed(1)
    first = steps(61, sharing)
    torch.manual_seed(2)
    assert steps(61, sharing) == first
    assert steps(61, sharing, epoch=1) != first
    other = Batches(61, sharing, 0, seed=4, lengths=None)
    assert list(other) not in (first, steps(61, sharing, epoch=1))


@pytest.mark.parametrize("label", [1, 2.5, (3, 7)])
def test_an_example_that_only_fills_a_device_counts_nothing(label) -> None:
    class Rows(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 9

        def __getitem__(self, index: int):
            return {"index": index, "labels": label}

    sharing = Sharing.fit(8, 2, 0)
    batches = Batches(9, sharing, 1, seed=3, lengths=None)

    def collate(rows):
        return torch.tensor([row["labels"] for row in rows])

    loader = Loader(Rows(), batches, collate_fn=collate)
    *_, last = loader
    assert torch.all(last == -100) and last.shape[0] == 1
    assert last.ne(-100).sum() == 0
