"""All pairs among fifty masks, reading included, against cosines of float tensors."""

from benchmarks.contestant import Cost, measure
from benchmarks.scratch import Scratch, describe
from benchmarks.section import Claim, Section
from benchmarks.synthetic import MODELS

_MASKS = 50
_ALL = _MASKS * (_MASKS - 1) // 2


def compare_pairs(scratch: Scratch, name: str, pairs: int, repeats: int) -> Section:
    """Compare with torch's cosine of `pairs` pairs, scaled to all of them."""
    folder = scratch.checkpoint(name)
    sparsities = [round(0.01 + 0.02 * place, 2) for place in range(_MASKS)]
    scratch.clear()
    measure(
        "ours.masks", checkpoint=folder, output=scratch.output, sparsities=sparsities, verify=False
    )
    files = sorted(scratch.output.glob("*.safetensors"))
    ours = measure("ours.compare", repeats, masks=files)
    floats = [scratch.output / f"{place}.pt" for place in range(pairs + 1)]
    measure("torch_similarity.convert", masks=files[: pairs + 1], outputs=floats)
    # The least that has to be done: each mask is loaded once, as bytes; floats of all don't fit.
    loaded = measure("torch_similarity.cosine", masks=floats, pairs=0)
    compared = measure("torch_similarity.cosine", masks=floats, pairs=pairs)
    torch = _scale(loaded, compared, pairs)
    scratch.clear(name)
    return Section(
        f"All {_ALL:,} pairs among {_MASKS} masks",
        f"{describe(MODELS[name])}. From mask files to counts of every pair and matrix. torch "
        "loads each mask once, as booleans, and makes floats of both masks of a pair, as all in "
        f"floats take {4 * _MASKS * MODELS[name].weights / 1e9:.1f} GB; measured on {pairs} pairs "
        f"and {pairs + 1} masks and scaled. Its peak is that of those masks.",
        [("ours", ours), ("torch's `cosine_similarity` of float masks, scaled", torch)],
        [
            Claim("a pair, in ours", 1e3 * ours.work / _ALL, " ms"),
            Claim("a pair, in torch, without loading",
                  1e3 * (compared.work - loaded.work) / pairs, " ms"),
            Claim("torch's time over ours, within the process", torch.work / ours.work,
                  at_least=200 if name == "bert-base" else None),
        ],
    )  # fmt: skip


def _scale(loaded: Cost, compared: Cost, pairs: int) -> Cost:
    """Return the cost of all masks and pairs, of that of loading `pairs + 1` and comparing."""
    masks, times = _MASKS / (pairs + 1), _ALL / pairs
    more = compared.work - loaded.work
    work = masks * loaded.work + times * more
    return Cost(
        work=work,
        whole=work + loaded.whole - loaded.work,
        processor=loaded.processor + times * (compared.processor - loaded.processor),
        peak=compared.peak,
    )
