"""The public functions on masks: what `import essential_sparsity` offers beside its classes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.command.output import writable_folder
from essential_sparsity.masks import computation
from essential_sparsity.masks.criterion import Inputs
from essential_sparsity.masks.mask import Mask, load_header
from essential_sparsity.masks.pruned import check_replaceable, match_matrices, write_pruned
from essential_sparsity.masks.registry import check_mask
from essential_sparsity.masks.streaming import Progress
from essential_sparsity.similarity import counts, measures


def compute_masks(
    checkpoint: Checkpoint,
    amounts: Sequence[float | str],
    *,
    criterion: str = "magnitude",
    like: Mask | str | Path | None = None,
    threads: int | None = None,
    **options: object,
) -> list[Mask]:
    """Compute masks of one criterion, all in two or three passes over the weights.

    Selection is exact and the same on every machine: of N prunable weights, round(s·N) go, in the
    order (score, matrix, flat index). Masks along the sparsities are nested. One-shot magnitude
    pruning, the default, is that of *The Emergence of Essential Sparsity* (2023), §3. Memory is
    that of the packed masks, a bit a weight.

    Args:
        checkpoint: opened by `open_checkpoint`.
        amounts: how much goes, a mask each: sparsities in (0, 1), or patterns such as `"2:4"`, 2
            of every 4 consecutive weights of a row kept. Empty with `like`.
        criterion: `"magnitude"`, `"random"`, `"noisy-magnitude"` or another that needs no training.
        like: with `scope="matched"`: the mask as many of whose weights go of each matrix.
        threads: how many; all cores if None.
        options: `scope`, that is `"global"` (the default: the lowest of all matrices together),
            `"layer"` (of each matrix the same share), `"row"`, `"erk"` or `"matched"`, and the
            criterion's own, such as `seed`; see `docs/masks.md`.

    Returns:
        The masks, in the order of `amounts`.

    Raises:
        UserError: a criterion, scope, sparsity or option that there is not, options that do not go
            together, or a weight that is no finite number.

    >>> import essential_sparsity as es
    >>> checkpoint = es.open_checkpoint("tiny-bert")
    >>> half, third = es.compute_masks(checkpoint, [0.5, 0.3])
    >>> half.header.name, half.header.removed, half.header.total
    ('magnitude-global-s0.50', 2048, 4096)
    >>> half.is_nested_in(third)
    True
    >>> (groups,) = es.compute_masks(checkpoint, ["2:4"], criterion="random", seed=1)
    >>> groups.sparsity
    0.5
    """
    document = {"criterion": criterion, **options}
    with _as_files([] if like is None else [like]) as others, TemporaryDirectory() as folder:
        named = {load_header(path).name or path.stem: path for path in others}
        if named:
            document["like"] = next(iter(named))
        sized = [
            {**document, "pattern" if isinstance(amount, str) else "sparsity": amount}
            for amount in amounts
        ]
        specs = [check_mask(one, "compute_masks") for one in sized or [document]]
        wanted = {Path(folder, f"{place}.safetensors"): spec for place, spec in enumerate(specs)}
        files = {role: Path(path) for role, path in specs[0].files().items()}
        inputs = Inputs(masks=named, files=files)
        computation.compute_masks(checkpoint, wanted, inputs, threads=threads)
        return [Mask.load(path) for path in wanted]


def apply_mask(
    mask: Mask | str | Path,
    checkpoint: Checkpoint,
    output: str | Path,
    *,
    any_checkpoint: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a checkpoint whose removed weights are +0, for `from_pretrained` or anything else.

    Files, tensors and types stay as they are, byte by byte, and tied weights tied. For weights that
    are in memory already, multiply by `Mask.keep`.

    Args:
        mask: the mask, or its file.
        checkpoint: opened by `open_checkpoint`.
        output: the folder to write, whole or not at all.
        any_checkpoint: take a mask of another checkpoint, say of the model before it was
            fine-tuned, where matrices and shapes agree.
        force: replace the folder whatever it holds: everything in it is deleted.
        progress: called with each number of weights done.

    Returns:
        What was done, as it is written to `pruned.json` in the folder.

    Raises:
        UserError: mask and checkpoint do not belong together, one of them is damaged, or the folder
            holds something else or cannot be written.

    >>> import essential_sparsity as es
    >>> checkpoint = es.open_checkpoint("tiny-bert")
    >>> (half,) = es.compute_masks(checkpoint, [0.5])
    >>> es.apply_mask(half, checkpoint, "tiny-bert-half")["removed"]
    2048
    """
    folder = Path(output).expanduser().resolve()
    with _as_files([mask]) as (path,):
        header = load_header(path)
        names = match_matrices(path, header, checkpoint, any_checkpoint)
        keep = [path, checkpoint.folder, Path.cwd(), Path.home()]
        check_replaceable(folder, [kept.resolve() for kept in keep], force)
        with writable_folder(folder.parent):
            return write_pruned(checkpoint, path, header, names, folder, progress)


def compare_masks(
    masks: Sequence[Mask | str | Path],
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Measure how similar every two masks of one checkpoint are, over all matrices together.

    Two masks share many weights by chance alone: two random ones of sparsity s have a cosine of
    1 − s. So the cosine (paper, Figure 10) stands beside its chance level, and beside κ, which is 0
    at chance and 1 for equal masks.

    Args:
        masks: two masks, or their files, or more.
        threads: how many; all cores if None.
        progress: called with each number of weights passed over, those of each mask counted.

    Returns:
        A dictionary a pair, in the order (0, 1), (0, 2), …, (1, 2), …; NaN where a measure is not
        defined:

        - `a`, `b`: the masks' places in `masks`, from 0;
        - `cosine` of the keep masks, and `chance`, that of random masks as sparse as these;
        - `kappa`: (cosine − chance)/(1 − chance), and `kappa_by_layer`, over the chance of random
          masks as sparse as these in every matrix;
        - `overlap`: of the removed weights, those that both remove, of the smaller set;
        - `jaccard`: those that both remove, of those that either removes;
        - `hamming`: how many weights one mask keeps and the other removes;
        - `unnested`: how many weights the denser mask removes and the sparser keeps.

    Raises:
        UserError: a mask's file is missing or damaged, or the masks are not of one checkpoint.

    >>> import essential_sparsity as es
    >>> checkpoint = es.open_checkpoint("tiny-bert")
    >>> (pair,) = es.compare_masks(es.compute_masks(checkpoint, [0.5, 0.3]))
    >>> pair["unnested"], pair["overlap"], round(pair["chance"], 4)
    (0, 1.0, 0.5916)
    """
    with _as_files(masks) as paths:
        counted = counts.compare_masks(paths, threads, progress)
    first, second = counted.pairs
    weights = counted.weights[:, None]
    kept_a, kept_b = counted.kept[:, first], counted.kept[:, second]
    both = counted.both_kept[:, first, second]
    n, a, b, k = (array.sum(axis=0) for array in (weights, kept_a, kept_b, both))
    columns = {
        "a": first,
        "b": second,
        "cosine": measures.cosine(a, b, k),
        "chance": measures.chance_cosine(n, a, b),
        "kappa": measures.kappa(n, a, b, k),
        "kappa_by_layer": measures.kappa_by_layer(weights, kept_a, kept_b, both),
        "overlap": measures.overlap(n, a, b, k),
        "jaccard": measures.jaccard(n, a, b, k),
        "hamming": measures.hamming(a, b, k),
        "unnested": np.minimum(a, b) - k,
    }
    return [
        {name: column[place].item() for name, column in columns.items()}
        for place in range(len(first))
    ]


@contextmanager
def _as_files(masks: Sequence[Mask | str | Path]) -> Iterator[list[Path]]:
    """Yield a file of every mask: those in memory are written for as long as they are needed."""
    with TemporaryDirectory() as folder:
        paths = []
        for place, mask in enumerate(masks):
            if isinstance(mask, Mask):
                paths.append(Path(folder, f"{place}.safetensors"))
                mask.save(paths[-1])
            else:
                paths.append(Path(mask))
        yield paths
