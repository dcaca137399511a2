"""The essential sparsity, its certificate and the turn of a curve of drops: from arrays to rows.

Nothing here knows of files. `Scores` holds what one model's runs on one task scored, `Curve` the
sparse ones among them that belong together; both return rows of the tables of `drop`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    Certificate,
    certify,
    effective_units,
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
_CHANCE = "the dense model is no better than one and the same answer to everything"


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
        parts: Floats,
        combine: Combine,
        settings: Settings,
        generator: np.random.Generator,
        constant: float | None = None,
        bounds: tuple[float, float] = (-np.inf, np.inf),
        *,
        clusters: npt.NDArray[Any] | None = None,
        unit: str | None = None,
        fixed: bool = False,
    ) -> "Scores":
        """Resample runs of equal replicates.

        Args:
            parts: (masks, replicates, examples, parts), each example's parts of the metric; of a
                mean its score, in points. The dense model comes first.
            combine: means of parts (…, parts) → scores (…) in points.
            settings: how many resamples, level of confidence, tolerances.
            generator: numpy's; it decides the resamples.
            constant, bounds, unit: see the class.
            clusters: (examples,), equal where examples belong together, such as the tokens of a
                window or the questions of a passage, and are resampled as a whole; any values.
            fixed: nothing is drawn for the one replicate there is: it is all that there can be, and
                not one of many seeds.

        Raises:
            ValueError: `parts` has another number of axes, an empty one, or a score that is not a
                finite number; there are not as many `clusters`; several replicates are `fixed`.
        """
        _check_parts(parts)
        if fixed and parts.shape[1] > 1:
            raise ValueError(f"fixed: there is one replicate then, not {parts.shape[1]}")
        replicates = [None] if fixed else range(parts.shape[1])
        runs = [dict(zip(replicates, of_mask, strict=True)) for of_mask in parts]
        return cls.of_uneven(
            runs,
            combine,
            settings,
            lambda: generator,
            constant,
            bounds,
            clusters=clusters,
            unit=unit,
        )

    @classmethod
    def of_uneven(
        cls,
        runs: Sequence[Mapping[Any, Floats]],
        combine: Combine,
        settings: Settings,
        generator: Callable[[], np.random.Generator],
        constant: float | None = None,
        bounds: tuple[float, float] = (-np.inf, np.inf),
        *,
        clusters: npt.NDArray[Any] | None = None,
        unit: str | None = None,
    ) -> "Scores":
        """Resample runs of which not all masks have the same replicates.

        Args:
            runs: replicate → (examples, parts) of every mask; the dense one, first, has all
                replicates. The only run of a mask for which nothing is drawn has the replicate
                None, and is paired with every replicate of other masks.
            combine, settings, clusters: as of `of`.
            generator: returns a fresh generator, always the same.
            constant, bounds, unit: see the class.

        Raises:
            ValueError: there is no replicate or no example, a score that is not a finite number, or
                not as many `clusters`.
        """
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
            found = resample(parts, combine, settings.resamples, generator(), clusters)
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
        units = effective_units(self.sizes)
        return self._of_blocks(
            lambda found: p_noninferior(
                (found.by_replicate[0] - found.by_replicate).mean(axis=1),
                found.drop_spread(),
                epsilon,
                units,
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

    def dense_row(self) -> Row:
        """Return the dense score and its interval."""
        low, high = self.interval(self.samples[0])
        return {"dense_score": float(self.means[0]), "dense_low": low, "dense_high": high}

    def drop_row(self, index: int) -> Row:
        """Return a mask's columns of `drop`, from `score` to `normalised_drop_high`."""
        drop, drop_min, drop_max = map(float, self.drops[index])
        score_low, score_high = self.interval(self.samples[index])
        drop_low, drop_high = self.interval(self.drop_samples[index])
        return {
            "score": float(self.means[index]),
            "score_low": score_low,
            "score_high": score_high,
            "drop": drop,
            "drop_low": drop_low,
            "drop_high": drop_high,
            "drop_min": drop_min,
            "drop_max": drop_max,
            **self._normalised_row(index),
        }

    def _normalised_row(self, index: int) -> Row:
        """Return the drop as a share of all that there is to lose, where there is something."""
        names = ("normalised_drop", "normalised_drop_low", "normalised_drop_high")
        if self.constant is None or self.means[0] <= self.constant:
            return dict.fromkeys(names)
        room = self.samples[0] - self.constant
        drops = self.drop_samples[index]
        # Where a resample has nothing to lose, any drop is beyond all bounds.
        beyond = np.where(drops > 0, np.inf, -np.inf) if index else drops
        shares = np.where(room > 0, drops / np.where(room > 0, room, 1), beyond)
        value = self.drops[index, 0] / (self.means[0] - self.constant)
        return dict(zip(names, (float(value), *self.interval(shares)), strict=True))

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
        for (mask, partner), of_pair in zip(pairs, samples, strict=True):
            differences = by_replicate[mask] - by_replicate[partner]
            low, high = self.interval(of_pair)
            yield {
                "score": float(by_replicate[mask].mean()),
                "baseline_score": float(by_replicate[partner].mean()),
                "difference": float(differences.mean()),
                "difference_low": low,
                "difference_high": high,
                "confidence": self.settings.confidence,
                "difference_min": float(differences.min()),
                "difference_max": float(differences.max()),
                "dense_low": self.interval(block.resamples.scores()[0])[0],
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
        if because := tested._untestable(tolerance.epsilon, dense_low):
            found = Certificate(None, because=because)
        else:
            p_values = tested.scores.p_values(tolerance.epsilon)[tested.indices]
            found = certify(tested.sparsities, p_values, level)
        return {
            "certified": found.sparsity,
            "certified_censored": found.censored,
            "certification_level": level,
            "uncertified_because": found.because,
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
        return too_few(epsilon, scores.settings.confidence, scores.sizes, scores.unit)

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
    """Estimate one curve's essential sparsity, with its interval and its raw crossings.

    Estimate and interval are those of `cross_with_interval`.

    First and last crossing are those of the unfitted mean drops: where they lie apart, the curve is
    not monotone.

    Args:
        sparsities: (points,), increasing, positive.
        drops: (points,), mean drops in points.
        samples: (points, resamples), the drops in every resample.
        weights: (points,), 1 / variance of the drops.
        epsilon: in points.
        confidence: level of the intervals.

    Returns:
        The columns of the table `essential` that follow from this.
    """
    cross = partial(last_crossing, sparsities, epsilon=epsilon)
    estimate, low, high = cross_with_interval(cross, drops, samples, weights, confidence)
    first = first_crossing(sparsities, drops, epsilon)
    last = last_crossing(sparsities, drops, epsilon)
    found: dict[str, Any] = {
        "estimate": estimate,
        "low": low,
        "high": high,
        "first_crossing": first,
        "last_crossing": last,
    }
    row: Row = {
        "confidence": confidence,
        "grid": [0.0, *sparsities.tolist()],
        "crossings_differ": bool(first != last),
    }
    for name, value in found.items():
        crossing = locate(float(value), sparsities)
        row[name] = crossing.sparsity
        row[f"{name}_censored"] = crossing.censored
    drop_low, drop_high = percentile_interval(
        samples[_beside(row["estimate"], sparsities)], confidence
    )
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
