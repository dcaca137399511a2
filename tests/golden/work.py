"""The work whose results are golden: masks of tiny checkpoints, estimators on fixed predictions.

Everything begins with raw bits of a generator, which are the same in all versions of numpy, and
floats are made of them by exact arithmetic. `python work.py FOLDER MINILM` writes the files into
FOLDER, MINILM being the checkpoint of the default study; see README.md beside this.
"""

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.estimators.bootstrap import percentile_interval, resample
from essential_sparsity.estimators.search import decide, locate
from essential_sparsity.estimators.settings import Settings
from essential_sparsity.masks.computation import compute_masks
from essential_sparsity.masks.criterion import Inputs
from essential_sparsity.masks.registry import check_mask
from essential_sparsity.tidy.curve import curve_of

sys.path.insert(0, str(Path(__file__).parents[1]))
from miniature_checkpoints import to_bits, write_tensors

Json = dict[str, Any]

_WIDTH, _WIDE = 24, 40
# Architecture → the modules of a layer by their names on disk, below the list of layers.
_MODULES = {
    "bert": (
        "encoder.layer",
        "attention.self.query attention.self.key attention.self.value attention.output.dense "
        "intermediate.dense output.dense",
    ),
    "opt": (
        "model.decoder.layers",
        "self_attn.q_proj self_attn.k_proj self_attn.v_proj self_attn.out_proj fc1 fc2",
    ),
    "vit": (
        "vit.encoder.layer",
        "attention.attention.query attention.attention.key attention.attention.value "
        "attention.output.dense intermediate.dense output.dense",
    ),
    "llama": (
        "model.layers",
        "self_attn.q_proj self_attn.k_proj self_attn.v_proj self_attn.o_proj "
        "mlp.gate_proj mlp.up_proj mlp.down_proj",
    ),
}
_WIDENING = {"intermediate.dense", "fc1", "mlp.gate_proj", "mlp.up_proj"}
_NARROWING = {"output.dense", "fc2", "mlp.down_proj"}

# Checkpoint → architecture and type. Of the first, all masks are computed; of others, some.
_CHECKPOINTS = {
    "bert": ("bert", "F32"),
    "bert-ties": ("bert", "F32"),
    "bert-half": ("bert", "F16"),
    "bert-brain": ("bert", "BF16"),
    "opt": ("opt", "F16"),
    "vit": ("vit", "F32"),
    "llama": ("llama", "BF16"),
}


def uniform(seed: int, *shape: int) -> npt.NDArray[np.float64]:
    """Return numbers in [0, 1) of 24 bits."""
    raw = np.random.PCG64(seed).random_raw(int(np.prod(shape)))
    return ((raw >> np.uint64(40)) / 2.0**24).reshape(shape)


def write_checkpoint(name: str, folder: Path) -> Path:
    """Write one of `_CHECKPOINTS`: three layers, of `bert-ties` with many weights alike."""
    architecture, dtype = _CHECKPOINTS[name]
    layers, modules = _MODULES[architecture]
    tensors = {}
    for index, layer in enumerate((0, 1, 2)):
        for place, module in enumerate(modules.split()):
            shape = (_WIDTH, _WIDTH)
            if module in _WIDENING:
                shape = (_WIDE, _WIDTH)
            elif module in _NARROWING:
                shape = (_WIDTH, _WIDE)
            values = uniform(100 * index + place, *shape) - 0.5
            if name == "bert-ties":
                values = np.round(8 * values) / 8
            # Matrices of different scales, so that what is global and what is not differ.
            values *= 2.0 ** (place % 3 - layer)
            tensors[f"{layers}.{layer}.{module}.weight"] = (dtype, to_bits(values, dtype))
    folder.mkdir(parents=True)
    write_tensors(folder / "model.safetensors", tensors)
    config = {"model_type": architecture, "num_hidden_layers": 3}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def mask_documents(every: bool) -> Iterator[Json]:
    """Yield the specs of the masks: all criteria, scopes and patterns, or the common ones."""
    yield {"criterion": "dense"}
    patterns = ("2:4", "1:4", "3:8") if every else ("2:4",)
    sparsities = (0.1, 0.215, 0.5, 0.875) if every else (0.5,)
    scopes = ("global", "layer", "row", "erk") if every else ("global", "layer")
    ranked = [{"criterion": "magnitude"}, {"criterion": "random", "seed": 3}]
    if every:
        ranked.append({"criterion": "noisy-magnitude", "noise": 0.25, "seed": 1})
    for criterion in ranked:
        for sparsity in sparsities:
            yield from ({**criterion, "scope": scope, "sparsity": sparsity} for scope in scopes)
        yield from ({**criterion, "pattern": pattern} for pattern in patterns)
    if every:
        like = {"scope": "matched", "like": "magnitude-global", "sparsity": 0.5}
        yield from ({**criterion, **like} for criterion in ranked[1:])


def digests_of(checkpoint: Path, documents: list[Json]) -> dict[str, str]:
    """Return mask → SHA-256 of its file; a mask that another matches goes before it."""
    specs = [check_mask(document, "golden") for document in documents]
    with tempfile.TemporaryDirectory() as folder, Checkpoint.survey(checkpoint) as opened:
        paths = {spec.name: Path(folder, f"{spec.name}.safetensors") for spec in specs}
        for matching in (False, True):
            wanted = {paths[s.name]: s for s in specs if bool(s.references()) == matching}
            compute_masks(opened, wanted, Inputs(masks=paths))
        return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths.items()}


def masks() -> Json:
    """Return checkpoint → mask → SHA-256."""
    found = {}
    for name in _CHECKPOINTS:
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = write_checkpoint(name, Path(folder, name))
            found[name] = digests_of(checkpoint, list(mask_documents(every=name == "bert")))
    return found


def study_documents() -> Iterator[Json]:
    """Yield the specs of the default study's sparse masks, with those that others match."""
    for sparsity in (0.2, 0.215, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
        yield {"criterion": "magnitude", "sparsity": sparsity}
    for sparsity in (0.3, 0.5, 0.7):
        yield {"criterion": "magnitude", "scope": "layer", "sparsity": sparsity}
        yield {"criterion": "noisy-magnitude", "noise": 0.1, "sparsity": sparsity}
        yield {"criterion": "random", "sparsity": sparsity}
        matched = {"scope": "matched", "like": "magnitude-global"}
        yield {"criterion": "random", **matched, "sparsity": sparsity}


def predictions(seeds: int, examples: int, sparsities: list[float], seed: int) -> pd.DataFrame:
    """Return a table of two classes: 80 % right up to a sparsity of 0.5, then fewer and fewer."""
    draws = uniform(seed, len(sparsities) + 1, seeds, examples)
    easy = uniform(seed + 1, examples)
    label = (uniform(seed + 2, examples) < 0.4).astype(int)
    rows = []
    for place, sparsity in enumerate([0.0, *sparsities]):
        share = 0.8 - 0.6 * max(0.0, sparsity - 0.5)
        for run in range(seeds):
            right = 0.75 * easy + 0.25 * draws[place, run] < share
            prediction = np.where(right, label, 1 - label)
            columns = {"id": [f"e{i}" for i in range(examples)], "label": label}
            number = label + 3 * (1 - share) * (draws[place, run] - 0.5)
            rows.append(
                pd.DataFrame(
                    {**columns, "prediction": prediction, "number": number, "score": right / 1.0}
                ).assign(sparsity=sparsity, seed=run + 1)
            )
    return pd.concat(rows, ignore_index=True)


def estimates() -> Json:
    """Return what the estimators say of fixed predictions."""
    grid = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    settings = Settings(resamples=400)
    four = predictions(4, 600, grid, 7)
    uneven = four[(four["sparsity"] < 0.55) | (four["seed"] < 3)]
    found: Json = {
        "accuracy": _curve(four, "accuracy", settings),
        "uneven seeds": _curve(uneven, "accuracy", settings),
        "one seed": _curve(four[four["seed"] == 1], "accuracy", settings),
        "few examples": _curve(predictions(2, 40, [0.5, 0.8], 8), "accuracy", settings),
        "shares": _curve(four, None, settings),
    }
    for metric in ("f1", "matthews"):
        found[metric] = _curve(four, metric, settings)
    numbers = four.assign(prediction=four["number"])
    for metric in ("pearson", "spearman"):
        found[metric] = _curve(numbers, metric, settings)
    strict = Settings(
        epsilon=2, epsilons=(0.25,), relative_epsilons=(), confidence=0.9, resamples=300
    )
    found["other settings"] = _curve(four, "accuracy", strict)
    found["differences"] = _differences(four)
    found["search"] = _search(four, settings)
    return found


def _curve(table: pd.DataFrame, metric: str | None, settings: Settings) -> Json:
    curve = curve_of(table, metric, settings)
    scores = curve.scores
    return {
        "drops": curve.drops.tolist(),
        "weights": curve.weights.tolist(),
        "p_values": curve.p_values(1.0),
        "intervals": [scores.interval(samples) for samples in curve.samples],
        "essential": list(curve.essential_rows()),
        "sharpness": curve.sharpness_row(),
        "dense": scores.dense_row(),
        "drop": [scores.drop_row(index) for index in curve.indices],
    }


def _differences(table: pd.DataFrame) -> Json:
    """Return differences of scores between neighbouring sparsities, with their intervals."""
    parts = np.array(
        [
            [run["score"].to_numpy() * 100 for _, run in rows.groupby("seed")]
            for _, rows in table.groupby("sparsity")
        ]
    )[..., None]
    generator = np.random.default_rng(11)
    drawn = resample(parts, lambda means: means[..., 0], 400, generator)
    samples = drawn.differences(range(9), range(1, 10))
    low, high = percentile_interval(samples, 0.95)
    return {"mean": samples.mean(axis=1).tolist(), "low": low.tolist(), "high": high.tolist()}


def _search(table: pd.DataFrame, settings: Settings) -> list[Json]:
    """Return the decisions of a search that knows these places, with so many seeds at each."""
    asked = {"budget": 60, "certify": 4, "seeds": 4}
    found = []
    for known in ({2: 2, 4: 2, 9: 2}, {4: 2, 5: 2, 6: 2, 7: 2}, {4: 4, 5: 4, 6: 4, 7: 4}, {1: 2}):
        chosen = [
            rows
            for (sparsity, seed), rows in table.groupby(["sparsity", "seed"])
            if seed <= (known.get(round(10 * sparsity), 0) or 4 * (sparsity == 0))
        ]
        curve = curve_of(pd.concat(chosen), "accuracy", settings)
        places = np.round(10 * curve.sparsities)
        crossing = locate(
            places, curve.drops, curve.samples, curve.weights, epsilon=1.0, confidence=0.95
        )
        there = dict(zip(map(int, places), map(int, curve.replicates), strict=True))
        decision = asdict(decide(there, crossing, [k / 10 for k in range(1, 10)], **asked))
        found.append({**decision, "seeds": sorted(decision["seeds"].items())})
    return found


def main() -> None:
    folder, minilm = map(Path, sys.argv[1:])
    documents = {
        "masks": masks(),
        "minilm": digests_of(minilm, list(study_documents())),
        "estimates": estimates(),
    }
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
