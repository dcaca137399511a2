"""Nine global masks of models of three sizes, and a mask of a pattern, against their peers."""

from collections.abc import Callable
from functools import partial

from benchmarks.contestant import Cost, measure
from benchmarks.scratch import Scratch, describe, weight_files
from benchmarks.section import Claim, Section
from benchmarks.synthetic import MODELS

SPARSITIES = [k / 10 for k in range(1, 10)]

_Run = Callable[..., Cost]


def compare_with_torch(scratch: Scratch, name: str, calls: int, repeats: int) -> Section:
    """Compare nine masks with `calls` calls of torch's pruning, scaled to nine, and with numpy."""
    folder = scratch.checkpoint(name)
    run = partial(measure, before=scratch.warm(folder), checkpoint=folder, output=scratch.output)
    section = _nine_masks(scratch, name, run, repeats)
    prune = _prune(run, calls)
    label = "nine calls of torch's `prune.global_unstructured`"
    if calls < len(SPARSITIES):
        label += f", scaled from {calls}"
    section.rows += [
        (label, prune),
        (
            "`numpy.partition` with all nine ranks, and `packbits`",
            run("numpy_masks.partition", sparsities=SPARSITIES),
        ),
    ]
    checked, ours = (cost for _, cost in section.rows[:2])
    # What is wanted holds for the real size; a miniature is start-up time.
    fast, small = (120, 0.1) if name == "bert-base" else (None, None)
    section.claims = [
        Claim("torch's time over ours, not checked, within the process", prune.work / ours.work,
              at_least=fast),
        Claim("torch's time over ours, not checked, the whole process", prune.whole / ours.whole),
        Claim("torch's time over ours, checked, within the process", prune.work / checked.work),
        Claim("torch's time over ours, checked, the whole process", prune.whole / checked.whole),
        Claim("our peak memory over torch's", max(ours.peak, checked.peak) / prune.peak,
              at_most=small),
        *section.claims,
    ]  # fmt: skip
    scratch.clear(name)
    return section


def _prune(run: _Run, calls: int) -> Cost:
    peer = partial(run, "torch_masks.global_unstructured")
    if calls >= len(SPARSITIES):
        return peer(sparsities=SPARSITIES)
    # Spread evenly: torch sorts what it removes, so that a call takes longer the more that is.
    number = len(SPARSITIES)
    spread = [SPARSITIES[(2 * call + 1) * number // (2 * calls)] for call in range(calls)]
    return peer(sparsities=[]).extended(peer(sparsities=spread), number / calls)


def measure_large(scratch: Scratch, name: str, repeats: int) -> Section:
    """Measure nine masks of a model that is too large for the peers, and one more sparsity."""
    folder = scratch.checkpoint(name)
    run = partial(measure, before=scratch.warm(folder), checkpoint=folder, output=scratch.output)
    section = _nine_masks(scratch, name, run, repeats)
    section.text += (
        " The peers are left out: they hold several copies of all weights in memory, and take too "
        "long."
    )
    histogram = scratch.folder / "histogram.safetensors"
    counted = measure(
        "ours.count", repeats, scratch.warm(folder), checkpoint=folder, output=histogram
    )
    one = run("ours.masks", repeats, sparsities=[0.55], verify=False, histogram=histogram)
    least = _plain(scratch, name, 1, repeats)
    histogram.unlink()
    section.rows += [
        ("ours, counting magnitudes alone", counted),
        ("ours, one more sparsity, with the counts that were kept", one),
        ("plain pass: reading, and writing one mask", least),
    ]
    section.claims += [
        Claim("one more sparsity over a plain pass that writes one mask", one.work / least.work)
    ]
    if name == "llama-7b":
        peak = max(cost.peak for label, cost in section.rows) / 2**30
        section.claims.append(Claim("highest peak memory", peak, " GiB", at_most=2))
    scratch.clear(name)
    return section


def compare_patterns(scratch: Scratch, name: str, repeats: int) -> Section:
    """Compare a 2:4 mask with torch's `topk` over groups of four."""
    folder = scratch.checkpoint(name)
    run = partial(measure, before=scratch.warm(folder), checkpoint=folder, output=scratch.output)
    ours = run("ours.pattern", repeats, pattern="2:4")
    torch = run("torch_masks.topk", kept=2, size=4)
    scratch.clear(name)
    return Section(
        "A 2:4 mask",
        f"{describe(MODELS[name])}. From the checkpoint's folder to one mask file.",
        [("ours", ours), ("torch's `topk` over groups of four, and `scatter_`", torch)],
        [Claim("torch's time over ours, within the process", torch.work / ours.work)],
    )


def _nine_masks(scratch: Scratch, name: str, run: _Run, repeats: int) -> Section:
    """Return a section with ours and the plain pass."""
    model = MODELS[name]
    ours = run("ours.masks", repeats, sparsities=SPARSITIES, verify=True)
    unverified = run("ours.masks", repeats, sparsities=SPARSITIES, verify=False)
    read = measure(
        "plain.read", repeats, scratch.warm(scratch.checkpoint(name)),
        files=weight_files(scratch.checkpoint(name)),
    )  # fmt: skip
    least = _plain(scratch, name, len(SPARSITIES), repeats)
    return Section(
        f"Nine global masks, {model.label}",
        f"{describe(model)}. From the checkpoint's folder to nine mask files, 10 to 90 % sparse.",
        [
            ("ours, the checkpoint's SHA-256 checked first", ours),
            ("ours, not checked", unverified),
            ("plain pass: reading", read),
            ("plain pass: reading, and writing nine masks", least),
        ],
        [
            Claim("ours, checked, over a plain pass that reads and writes", ours.work / least.work),
            Claim("ours, not checked, over the same", unverified.work / least.work, aim=5),
            Claim("ours, not checked, over a plain pass that only reads",
                  unverified.work / read.work),
            Claim("weights read by ours, not checked", model.bytes / 1e9 / unverified.work,
                  " GB/s"),
        ],
    )  # fmt: skip


def _plain(scratch: Scratch, name: str, masks: int, repeats: int) -> Cost:
    folder = scratch.checkpoint(name)
    return measure(
        "plain.read_and_write", repeats, scratch.warm(folder), files=weight_files(folder),
        output=scratch.output, masks=masks, weights=MODELS[name].weights,
    )  # fmt: skip
