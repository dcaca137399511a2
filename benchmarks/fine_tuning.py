"""A step of fine-tuning with the mask held, beside a dense one and torch's pruned modules."""

from benchmarks.contestant import Cost, measure
from benchmarks.scratch import Scratch
from benchmarks.section import Claim, Column, Section, number
from benchmarks.synthetic import MODELS
from benchmarks.turns import Ratio, Turns, take_turns

_SPARSITY = 0.5
_TOKENS = 128
# Examples a batch. A step of BERT-base on 32 examples takes half a minute on one core; on fewer the
# mask, whose cost is the same on any batch, weighs more.
_BATCH = {"minilm-l6": 32, "bert-base": 8, "miniature": 2}
# Attention heads.
_HEADS = {"minilm-l6": 12, "bert-base": 12, "miniature": 1}

_COLUMNS: tuple[Column, ...] = (
    ("a step, s", lambda cost, _: number(cost.work)),
    ("peak, MiB", lambda cost, _: f"{cost.peak / 2**20:,.0f}"),
    ("step, × dense", lambda cost, first: number(cost.work / first.work)),
    ("peak, × dense", lambda cost, first: number(cost.peak / first.peak)),
)


def compare_steps(scratch: Scratch, name: str, casts: int, rounds: int) -> Section:
    """Compare steps on a batch as recipes have it.

    Args:
        scratch: where the checkpoint and the mask go.
        name: of the synthetic model.
        casts: how often all begin anew, in fresh processes.
        rounds: how many steps each then does in turn.
    """
    batch = _BATCH[name]
    dense, held, prune = _take_turns(scratch, name, (batch, _TOKENS), casts, rounds)
    # What is wanted holds for real sizes; a miniature's step is Python's.
    real = name != "miniature"
    return Section(
        f"A step of fine-tuning, {MODELS[name].label}",
        f"{_text(name)}; {batch} × {_TOKENS} tokens in fp32, on one thread, or on a GPU where "
        "there is one. A step is forward, backward, clipping of the gradient's norm, fused AdamW "
        "and zeroing the gradients. The three take turns, step by step, "
        f"{rounds} each after two for warming up, in {casts} casts of fresh processes; ratios are "
        "medians over the rounds of all casts, so that what else the machine does cancels out. "
        "Freed memory stays with its process, as paging it in anew would cost more than a mask. "
        "Seconds are the processor's, and the wall's on a GPU. Peak is resident memory, or what "
        "torch allocated on the GPU.",
        _rows(dense, held, prune),
        [
            _ratio("ours over dense, a step", held.over(dense), 1.03 if real else None),
            _ratio("torch's pruning over dense, a step", prune.over(dense)),
            _ratio("ours over torch's pruning, a step", held.over(prune)),
            Claim("ours over dense, peak memory", held.peak / dense.peak),
            Claim("ours over torch's pruning, peak memory", held.peak / prune.peak,
                  at_most=1 if real else None),
        ],
        _COLUMNS,
    )  # fmt: skip


def compare_masking(scratch: Scratch, name: str, casts: int, rounds: int) -> Section:
    """Compare steps of which little else is left: one example of sixteen tokens."""
    dense, held, prune = _take_turns(scratch, name, (1, 16), casts, rounds)
    return Section(
        f"What a mask adds to a step, {MODELS[name].label}",
        f"{_text(name)}; one example of 16 tokens, so that what the mask costs, which is the same "
        "on any batch, is seen through the noise of the rest. Otherwise as above, "
        f"{rounds} steps each in {casts} casts.",
        _rows(dense, held, prune),
        [
            _ratio("ours over torch's pruning, a step", held.over(prune),
                   1 if name != "miniature" else None),
            Claim("ours adds to a step", 1000 * held.beyond(dense), " ms"),
            Claim("torch's pruning adds to a step", 1000 * prune.beyond(dense), " ms"),
        ],
        _COLUMNS,
    )  # fmt: skip


def _take_turns(
    scratch: Scratch, name: str, batch: tuple[int, int], casts: int, rounds: int
) -> list[Turns]:
    """Return the turns of dense steps, ours and torch's."""
    model, folder = MODELS[name], scratch.checkpoint(name)
    scratch.clear()
    measure(
        "ours.masks", checkpoint=folder, output=scratch.output, sparsities=[_SPARSITY], verify=False
    )
    turns = take_turns(
        ["training.dense", "training.held", "training.prune"],
        casts,
        rounds,
        checkpoint=folder,
        mask=next(scratch.output.glob("*.safetensors")),
        shape={
            "num_hidden_layers": model.layers,
            "hidden_size": model.hidden,
            "intermediate_size": model.inner,
            "num_attention_heads": _HEADS[name],
        },
        batch=batch,
    )
    scratch.clear(name)
    return turns


def _text(name: str) -> str:
    return (
        f"A classifier of the shapes of {MODELS[name].label} with random weights, of which a mask "
        f"removes {100 * _SPARSITY:.0f} % of the prunable ones"
    )


def _rows(dense: Turns, held: Turns, prune: Turns) -> list[tuple[str, Cost]]:
    return [
        ("dense", dense.cost),
        ("ours, the mask held by its gradients", held.cost),
        ("torch's `prune.custom_from_mask`", prune.cost),
    ]


def _ratio(text: str, ratio: Ratio, at_most: float | None = None) -> Claim:
    return Claim(text, ratio.median, at_most=at_most, interval=ratio.interval)
