"""The essential sparsity, its certificate and the turn of a curve of drops: from arrays to rows.

`Scores` holds what one model's runs on one task scored, `Curve` the sparse ones among them that
belong together; both return rows of the tables of `drop`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from essential_sparsity.estimators.bootstrap import (
    Combine,
    Resamples,
    percentile_interval,
    resample,
)
from essential_sparsity.estimators.certification import (
    ONE_SEED,
    certify,
    effective_examples,
    is_learnt,
    p_noninferior,
    too_few,
)
from essential_sparsity.estimators.crossing import (
    cross_with_interval,
    first_crossing,
    last_crossing,
    locate,
)
from essential_sparsity.estimators.settings import Settings, Tolerance
from essential_sparsity.estimators.sharpness import measure_sharpness
from essential_sparsity.estimators.spread import Floats

Row = dict[str, Any]

_UNTESTED = "the search had no seeds left that had no part in choosing what is tested"
_CHANCE = "the dense model is no better than a constant answer"


@dataclass(frozen=True)
class Block:
    """Masks whose runs have equal replicates, resampled together.

    Attributes:
        indices: of the masks, among all of the model's.
        rows: theirs in `resamples`, whose first row is the dense one with these replicates.
    """

    indices: list[int]
    rows: list[int]
    resamples: Resamples


@dataclass(frozen=True)
class Scores:
    """The resampled scores of one model's masks on one task, the dense one first.

    `of` makes them of arrays; `es.curve_of` does, of a table of predictions.

    A run's replicate is its training seed, or another draw, say of calibration data; None where
    nothing is drawn, as where a model is evaluated without training. Masks may differ in their
    replicates: then there are several blocks, whose examples are resampled alike.

    Attributes:
        settings: how many resamples, level of confidence, tolerances.
        constant: the score of the best answer that is the same for every example, if there is one.
        bounds: the least and the greatest score that there can be.
        unit: what is resampled as a whole, "examples" or what clusters of them are called.
        fixed: the masks for which nothing is drawn.

    >>> import essential_sparsity as es
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> lost = np.array([0, 0, 0.1])[:, None, None]  # by the dense model, at 40 %, at 80 %
    >>> points = 100.0 * (rng.random((3, 2, 500)) < 0.8 - lost)  # masks, seeds, examples
    >>> settings = es.Settings(resamples=200)
    >>> scores = es.Scores.of(points[..., None], lambda means: means[..., 0], settings, rng)
    >>> curve = scores.curve([0.4, 0.8], indices=[1, 2])
    >>> curve.drops.shape, curve.samples.shape
    ((2,), (2, 200))
    """

    blocks: tuple[Block, ...]
    settings: Settings
    constant: float | None = None
    bounds: tuple[float, float] = (-np.inf, np.inf)
    unit: str = "examples"
    fixed: frozenset[int] = frozenset()

    @classmethod
    def of(
        cls,
        runs: Floats | Sequence[Mapping[Any, Floats]],
        combine: Combine,
        settings: Settings,
        generator: np.random.Generator,
        constant: float | None = None,
        bounds: tuple[float, float] = (-np.inf, np.inf),
        *,
        clusters: npt.NDArray[Any] | None = None,
        unit: str | None = None,
    ) -> "Scores":
        """Resample runs.

        Args:
            runs: (masks, replicates, examples, parts), each example's parts of the metric; of a
                mean its score, in points. The dense model comes first. Where masks differ in their
                replicates, a dictionary of each instead: replicate → (examples, parts), of the
                dense model with all replicates. None is the only replicate of a mask for which
                nothing is drawn; it is paired with every replicate of the others.
            combine: means of parts (…, parts) → scores (…) in points.
            settings, constant, bounds: see the class.
            generator: numpy's; it decides the resamples.
            clusters: (examples,), any values, equal where examples belong together, such as the
                tokens of a window or the questions of a passage, and are resampled as a whole.
            unit: see the class; "clusters" or "examples" by default.

        Raises:
            ValueError: `runs` has another number of axes, an empty one, or a score that is not a
                finite number; or there are not as many `clusters` as examples.
        """
        if isinstance(runs, np.ndarray):
            _check_parts(runs)
            runs = [dict(enumerate(of_mask)) for of_mask in runs]
        drawn = list(dict.fromkeys(key for of_mask in runs for key in of_mask if key is not None))
        paired = [
            dict.fromkeys(drawn, of_mask[None]) if drawn and None in of_mask else of_mask
            for of_mask in runs
        ]
        alike: dict[tuple[Any, ...], list[int]] = {}
        for index, of_mask in enumerate(paired):
            alike.setdefault(tuple(of_mask), []).append(index)
        blocks = []
        for replicates, indices in alike.items():
            chosen = [*([] if 0 in indices else [0]), *indices]
            parts = np.array([[paired[index][key] for key in replicates] for index in chosen])
            _check_parts(parts)
            if clusters is not None and len(clusters) != parts.shape[2]:
                raise ValueError(f"clusters: {len(clusters)} of {parts.shape[2]} examples")
            # All blocks draw the same examples.
            found = resample(parts, combine, settings.resamples, deepcopy(generator), clusters)
            blocks.append(Block(indices, [chosen.index(index) for index in indices], found))
        unit = unit or ("examples" if clusters is None else "clusters")
        fixed = [index for index, of_mask in enumerate(runs) if None in of_mask and None in runs[0]]
        return cls(tuple(blocks), settings, constant, bounds, unit, frozenset(fixed))

    @cached_property
    def replicates(self) -> npt.NDArray[np.intp]:
        """(masks,) how many replicates there are."""
        return self._of_blocks(lambda found: np.full(len(found.values), found.values.shape[1]))

    @property
    def sizes(self) -> Floats:
        """(units,) how many examples each unit is: 1, or the sizes of clusters."""
        return self.blocks[0].resamples.sizes

    @property
    def design(self) -> float:
        """The design effect of clusters on the dense score: 1 where each example is by itself."""
        return self.blocks[0].resamples.design

    @property
    def examples(self) -> int:
        """How many examples there are."""
        return int(self.sizes.sum())

    @cached_property
    def means(self) -> Floats:
        """(masks,) scores in points."""
        return self._of_blocks(lambda found: found.by_replicate.mean(axis=1))

    @cached_property
    def samples(self) -> Floats:
        """(masks, resamples) scores in points."""
        samples: Floats = np.clip(self._of_blocks(Resamples.scores), *self.bounds)
        return samples

    @cached_property
    def drops(self) -> Floats:
        """(masks, 3) drops in points: the mean, and those of the best and the worst replicate."""

        def of_block(found: Resamples) -> Floats:
            drops = found.by_replicate[0] - found.by_replicate
            return np.stack([drops.mean(axis=1), drops.min(axis=1), drops.max(axis=1)], axis=1)

        return self._of_blocks(of_block)

    @cached_property
    def drop_samples(self) -> Floats:
        """(masks, resamples) drops in points, none larger than scores' bounds allow."""
        least, greatest = self.bounds
        dense = self.samples[0]
        drops: Floats = np.clip(self._of_blocks(Resamples.drops), dense - greatest, dense - least)
        return drops

    @cached_property
    def drop_variance(self) -> Floats:
        """(masks,) the variance of the mean drop over replicates and examples."""
        return self._of_blocks(lambda found: found.drop_spread().mean_variance)

    def p_values(self, epsilon: float) -> Floats:
        """Return (masks,) p-values of a drop of `epsilon` points or more."""
        independent = effective_examples(self.sizes, self.design)
        return self._of_blocks(
            lambda found: p_noninferior(
                (found.by_replicate[0] - found.by_replicate).mean(axis=1),
                found.drop_spread(),
                epsilon,
                independent,
            )
        )

    def _of_blocks(self, measure: Callable[[Resamples], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Return what `measure` finds of every mask: an array along whose first axis they are."""
        found = [measure(block.resamples)[block.rows] for block in self.blocks]
        order = np.argsort([index for block in self.blocks for index in block.indices])
        return np.concatenate(found)[order]

    def interval(self, samples: Floats) -> tuple[float, float]:
        """Return the bounds of the settings' confidence."""
        low, high = percentile_interval(samples, self.settings.confidence)
        return float(low), float(high)

    def _measured(self, name: str, value: float, samples: Floats) -> Row:
        """Return a value under its name, with its interval under `…_low` and `…_high`."""
        low, high = self.interval(samples)
        return {name: float(value), f"{name}_low": low, f"{name}_high": high}

    def dense_row(self) -> Row:
        """Return the dense score and its interval."""
        low, high = self.interval(self.samples[0])
        return {"dense_score": float(self.means[0]), "dense_low": low, "dense_high": high}

    def drop_row(self, index: int) -> Row:
        """Return a mask's columns of `drop`, from `score` to `normalised_drop_high`."""
        drop, drop_min, drop_max = map(float, self.drops[index])
        return {
            **self._measured("score", self.means[index], self.samples[index]),
            **self._measured("drop", drop, self.drop_samples[index]),
            "drop_min": drop_min,
            "drop_max": drop_max,
            **self._normalised_row(index),
        }

    def _normalised_row(self, index: int) -> Row:
        """Return the drop as a share of all that there is to lose, where there is something."""
        name = "normalised_drop"
        if self.constant is None or self.means[0] <= self.constant:
            return dict.fromkeys((name, f"{name}_low", f"{name}_high"))
        room = self.samples[0] - self.constant
        drops = self.drop_samples[index]
        # Where a resample has nothing to lose, any drop is beyond all bounds.
        beyond = np.where(drops > 0, np.inf, -np.inf) if index else drops
        shares = np.where(room > 0, drops / np.where(room > 0, room, 1), beyond)
        return self._measured(name, self.drops[index, 0] / (self.means[0] - self.constant), shares)

    def difference_rows(self, pairs: Sequence[tuple[int, int]]) -> Iterator[Row]:
        """Yield how much better than its partner each mask scores: columns of `difference`.

        Replicates and examples of a resample are the same for all masks, so that what they do to
        both masks of a pair cancels.

        Args:
            pairs: (mask, its partner), one or more, of masks that all have the same replicates.
        """
        (block,) = self.blocks
        by_replicate = block.resamples.by_replicate
        samples = block.resamples.differences(*zip(*pairs, strict=True))
        dense_low, _ = self.interval(block.resamples.scores()[0])
        for (mask, partner), of_pair in zip(pairs, samples, strict=True):
            differences = by_replicate[mask] - by_replicate[partner]
            yield {
                "score": float(by_replicate[mask].mean()),
                "baseline_score": float(by_replicate[partner].mean()),
                **self._measured("difference", differences.mean(), of_pair),
                "confidence": self.settings.confidence,
                "difference_min": float(differences.min()),
                "difference_max": float(differences.max()),
                "dense_low": dense_low,
            }

    def curve(
        self,
        sparsities: Sequence[float] | Floats,
        indices: Sequence[int],
        certifying: "Curve | None" = None,
    ) -> "Curve":
        """Return the curve of the masks `indices`, which have these increasing sparsities.

        Raises:
            ValueError: sparsities do not increase or are not above 0, or there are not as many.
        """
        return Curve(self, np.asarray(sparsities, dtype=np.float64), list(indices), certifying)


@dataclass(frozen=True)
class Curve:
    """A model's sparse masks of one family on one task, by increasing sparsity.

    Drops are in points, the dense score less a mask's; `samples` are those of the bootstrap over
    replicates and examples at once.

    `certifying` holds the runs that are tested, where those that located the essential sparsity
    have chosen at which sparsities: fresh ones, perhaps none.

    >>> import essential_sparsity as es, pandas
    >>> curve = es.curve_of(pandas.read_parquet("predictions.parquet"))
    >>> for row in curve.essential_rows():
    ...     print(row["tolerance"], round(row["estimate"], 3), row["resolved"], row["certified"])
    1 point 0.417 False 0.0
    0.5 points 0.409 False None
    2 points 0.435 False 0.4
    1 % of dense 0.414 False 0.0
    >>> curve.sharpness_row()["shape"], [round(p, 2) for p in curve.p_values(epsilon=1)]
    ('not resolved', [0.08, 1.0])
    """

    scores: Scores
    sparsities: Floats
    indices: list[int]
    certifying: "Curve | None" = None

    def __post_init__(self) -> None:
        """Check the sparsities."""
        if len(self.sparsities) != len(self.indices):
            raise ValueError(f"{len(self.sparsities)} sparsities of {len(self.indices)} masks")
        # Written so that what is no number fails as well.
        if not np.all(np.diff(self.sparsities, prepend=0.0) > 0):
            raise ValueError(f"sparsities do not increase from above 0: {self.sparsities}")

    @cached_property
    def drops(self) -> Floats:
        """(points,) mean drops in points."""
        drops: Floats = self.scores.drops[self.indices, 0]
        return drops

    @cached_property
    def samples(self) -> Floats:
        """(points, resamples) drops in points."""
        return self.scores.drop_samples[self.indices]

    @cached_property
    def replicates(self) -> npt.NDArray[np.intp]:
        """(points,) how many replicates there are: seeds, or other draws."""
        return self.scores.replicates[self.indices]

    @cached_property
    def weights(self) -> Floats:
        """(points,) 1 / variance of the drops, which is held above that of half an example.

        So a mask that changes no answer does not weigh without bound.
        """
        variance = self.scores.drop_variance[self.indices]
        weights: Floats = 1 / np.maximum(variance, (50 / self.scores.examples) ** 2)
        return weights

    def p_values(self, epsilon: float) -> list[float | None]:
        """Return each point's p-value of a drop of `epsilon` points or more; None of one seed."""
        found = self.scores.p_values(epsilon)
        return [float(found[index]) if self._tells(index) else None for index in self.indices]

    def _tells(self, index: int) -> bool:
        """Tell whether it is known how much a mask's replicates differ; where fixed, not at all."""
        return bool(self.scores.replicates[index] > 1) or index in self.scores.fixed

    def essential_rows(self) -> Iterator[Row]:
        """Yield the columns of the table `essential` from `tolerance` on, a row a tolerance.

        Among them are `epsilon` in points, `estimate`, `low` and `high`, sparsities in [0, 1], of
        which `…_censored` is "above" or "below" where the true one lies beyond that end of the
        sparsities, `resolved`, false where the noise hides a drop of ε, and `certified`, None where
        nothing can be certified, for the reason in `uncertified_because`. What a certificate takes
        for independent are the `units`, examples or clusters as `unit` says.

        Raises:
            ValueError: the curve has no points.
        """
        if not self.indices:
            raise ValueError("a curve of no sparse masks has no essential sparsity")
        scores, dense = self.scores, self.scores.dense_row()
        for tolerance in scores.settings.tolerances(dense["dense_score"]):
            yield {
                "tolerance": tolerance.text,
                "epsilon": tolerance.epsilon,
                "relative": tolerance.relative,
                "main": tolerance.main,
                **essential_sparsity(
                    self.sparsities,
                    self.drops,
                    self.samples,
                    self.weights,
                    epsilon=tolerance.epsilon,
                    confidence=scores.settings.confidence,
                ),
                **self._certificate_row(tolerance, dense["dense_low"]),
                **dense,
            }

    def _certificate_row(self, tolerance: Tolerance, dense_low: float) -> Row:
        scores, level = self.scores, self.scores.settings.confidence
        tested = self if self.certifying is None else self.certifying
        because = tested._untestable(tolerance.epsilon, dense_low)
        certified, censored = None, ""
        if because is None:
            p_values = tested.scores.p_values(tolerance.epsilon)[tested.indices]
            certified, censored = certify(tested.sparsities, p_values, level)
        return {
            "certified": certified,
            "certified_censored": censored,
            "certification_level": level,
            "uncertified_because": because,
            "unit": scores.unit,
            "units": len(scores.sizes),
        }

    def _untestable(self, epsilon: float, dense_low: float) -> str | None:
        """Return why these runs can certify nothing; None where they can."""
        scores = self.scores
        if not is_learnt(dense_low, scores.constant):
            return _CHANCE
        if not self.indices:
            return _UNTESTED
        if not all(map(self._tells, self.indices)):
            return ONE_SEED
        return too_few(
            epsilon, scores.settings.confidence, scores.sizes, scores.unit, scores.design
        )

    def sharpness_row(self) -> Row:
        """Return the columns of the table `sharpness` from `shape` on.

        Among them are `shape`, "sharp", "smooth" or "not resolved", `breakpoint` with its interval,
        a sparsity, and slopes in points per 10 % of sparsity.
        """
        constant, settings = self.scores.constant, self.scores.settings
        found = measure_sharpness(
            self.sparsities,
            self.drops,
            self.samples,
            self.weights,
            confidence=settings.confidence,
            room=None if constant is None else float(self.scores.means[0]) - constant,
        )
        return {**asdict(found), "confidence": settings.confidence}


def _check_parts(parts: Floats) -> None:
    if parts.ndim != 4 or not parts.size:
        raise ValueError(
            f"{parts.shape}: not masks × replicates × examples × parts, one or more each"
        )
    if not np.isfinite(parts).all():
        mask, seed, example, _ = map(int, np.argwhere(~np.isfinite(parts))[0])
        raise ValueError(
            f"mask {mask}, seed {seed}, example {example} (counted from 0): not a finite score"
        )


def essential_sparsity(
    sparsities: Floats,
    drops: Floats,
    samples: Floats,
    weights: Floats,
    *,
    epsilon: float,
    confidence: float,
) -> Row:
    """Estimate one curve's essential sparsity: the columns of `essential` that follow from this.

    Estimate and interval are those of `cross_with_interval`. First and last crossing are those of
    the unfitted mean drops: where they lie apart, the curve is not monotone.

    Args:
        sparsities: (points,), increasing, positive.
        drops, samples, weights, confidence: see there.
        epsilon: in points.
    """
    cross = partial(last_crossing, sparsities, epsilon=epsilon)
    first = first_crossing(sparsities, drops, epsilon)
    last = cross(drops)
    found = {
        **asdict(cross_with_interval(cross, drops, samples, weights, confidence)),
        "first_crossing": first,
        "last_crossing": last,
    }
    row: Row = {
        "confidence": confidence,
        "grid": [0.0, *sparsities.tolist()],
        "crossings_differ": bool(first != last),
    }
    for name, crossing in found.items():
        row[name], row[f"{name}_censored"] = locate(float(crossing), sparsities)
    beside = samples[_beside(row["estimate"], sparsities)]
    drop_low, drop_high = percentile_interval(beside, confidence)
    row["resolution"] = float((drop_high - drop_low).max()) / 2
    beyond = {row["low_censored"], row["high_censored"]}
    row["resolved"] = row["resolution"] <= epsilon or beyond in ({"above"}, {"below"})
    return row


def _beside(estimate: float, sparsities: Floats) -> list[int]:
    """Return the indices of the points on either side of the estimate: one, if it is there."""
    after = int(np.searchsorted(sparsities, estimate - 1e-9))
    if after == len(sparsities):
        return [after - 1]
    there = after == 0 or abs(sparsities[after] - estimate) < 1e-9
    return [after] if there else [after - 1, after]
