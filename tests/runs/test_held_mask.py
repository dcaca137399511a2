"""Removed weights are zero and stay exactly zero; if they do not, the run says so."""

import pytest
import torch

from essential_sparsity.runs.model import HeldMask, MaskBrokenError, match_parameters


@pytest.fixture
def training(bench):
    """A masked model, its held mask and optimiser after three steps with weight decay."""
    model = bench.model()
    mask = bench.mask(0.5)
    held = HeldMask(mask, match_parameters(model, bench.manifest))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        ids = torch.randint(4, 50, (4, 12))
        model(input_ids=ids, labels=torch.tensor([0, 1, 0, 1])).loss.backward()
        held.mask_gradients()
        optimizer.step()
    return model, mask, held, optimizer


def removed_entries(bench, model, mask):
    for weight in match_parameters(model, bench.manifest):
        yield weight.parameter, ~torch.from_numpy(mask.keep(weight.matrix.name))


def test_weights_gradients_and_moments_stay_zero(bench, training) -> None:
    model, mask, held, optimizer = training
    count = 0
    for parameter, removed in removed_entries(bench, model, mask):
        count += int(removed.sum())
        for values in (parameter, parameter.grad, *optimizer.state[parameter].values()):
            if values.shape == parameter.shape:
                assert not torch.any(values[removed])
                assert torch.any(values[~removed])  # and the others are alive
    assert count == mask.header.removed
    held.check_weights()
    held.check_gradients()
    held.check_moments(optimizer)


def test_everything_else_trains_dense(bench, training) -> None:
    model, _, _, _ = training
    fresh = bench.model()
    prunable = {id(weight.parameter) for weight in match_parameters(model, bench.manifest)}
    before = dict(fresh.named_parameters())
    for name, parameter in model.named_parameters():
        if id(parameter) not in prunable and parameter.grad is not None:
            assert torch.count_nonzero(parameter - before[name]) > 0, name


@pytest.mark.parametrize("what", ["weight", "gradient", "exp_avg"])
def test_a_broken_mask_is_an_error(bench, training, what: str) -> None:
    model, mask, held, optimizer = training
    parameter, removed = next(removed_entries(bench, model, mask))
    values = {
        "weight": parameter.data,
        "gradient": parameter.grad,
        "exp_avg": optimizer.state[parameter]["exp_avg"],
    }[what]
    values[removed.nonzero()[0].tolist()[0], removed.nonzero()[0].tolist()[1]] = 1e-30
    with pytest.raises(MaskBrokenError, match=f"{what} of .*: 1 removed entries"):
        held.check_weights()
        held.check_gradients()
        held.check_moments(optimizer)


@pytest.mark.parametrize("factor", [float("nan"), float("inf"), -float("inf")])
def test_a_gradient_that_is_no_number_is_removed_too(bench, factor: float) -> None:
    """0 · NaN would be NaN, and so would 0 · ∞: the floats are not multiplied."""
    model = bench.model()
    mask = bench.mask(0.5)
    held = HeldMask(mask, match_parameters(model, bench.manifest))
    parameter, removed = next(removed_entries(bench, model, mask))
    (parameter * factor).sum().backward()
    held.mask_gradients()
    assert torch.all(parameter.grad[removed] == 0)
    assert not torch.any(torch.isfinite(parameter.grad[~removed]))


@pytest.mark.parametrize("type_", [torch.float64, torch.float32, torch.bfloat16])
def test_the_other_entries_keep_their_gradient_to_the_bit(bench, type_: torch.dtype) -> None:
    model = bench.model().to(type_)
    mask = bench.mask(0.5)
    held = HeldMask(mask, match_parameters(model, bench.manifest))
    for parameter, removed in removed_entries(bench, model, mask):
        slopes = torch.randn_like(parameter)
        (parameter * slopes).sum().backward()
        held.mask_gradients()
        assert torch.equal(parameter.grad, slopes.masked_fill(removed, 0.0))


def test_loaded_weights_are_proven_to_be_the_files(bench, monkeypatch) -> None:
    """A loader that fills in other weights, as happens when names do not match, is caught."""
    from transformers import AutoModelForSequenceClassification as Auto

    from essential_sparsity.support.errors import UserError

    load = Auto.from_pretrained

    def corrupt(*args, **kwargs):
        model, report = load(*args, **kwargs)
        with torch.no_grad():
            model.bert.encoder.layer[1].output.dense.weight[0, 0] += 1
        return model, report

    monkeypatch.setattr(Auto, "from_pretrained", corrupt)
    with pytest.raises(UserError, match=r"layer\.1\.output\.dense\.weight: the weights that"):
        bench.model()
