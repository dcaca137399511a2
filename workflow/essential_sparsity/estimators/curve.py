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

from essential_sparsity.estimators.bootstrap import Resamples, percentile_interval, resample
from essential_sparsity.estimators.certification import (
    Certificate,
    certify,
    is_learnt,
    p_noninferior,
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
    """Masks whose runs have equal seeds, resampled together.

    Attributes:
        indices: of the masks, among all of the model's.
        rows: theirs in `resamples`, whose first row is the dense one with these seeds.
    """

    indices: list[int]
    rows: list[int]
    resamples: Resamples


@dataclass(frozen=True)
class Scores:
    """The resampled scores of one model's masks on one task, the dense one first.

    `of` makes them of arrays; `es.curve_of` does, of a table of predictions.

    Masks may differ in their seeds: then there are several blocks, whose examples are resampled
    alike. `constant` is the score of the best answer that is the same for every example, if there
    is one; `bounds` are the least and the greatest score that there can be.

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

    @classmethod
    def of(
        cls,
        parts: Floats,
        combine: Callable[[Floats], Floats],
        settings: Settings,
        generator: np.random.Generator,
        constant: float | None = None,
        bounds: tuple[float, float] = (-np.inf, np.inf),
    ) -> "Scores":
        """Resample runs of equal seeds.

        Args:
            parts: (masks, seeds, examples, parts), each example's parts of the metric; of a mean
                its score, in points. The dense model comes first.
            combine: means of parts (…, parts) → scores (…) in points.
            settings: how many resamples, level of confidence, tolerances.
            generator: numpy's; it decides the resamples.
            constant, bounds: see the class.

        Raises:
            ValueError: `parts` has another number of axes, an empty one, or a score that is not a
                finite number.
        """
        _check_parts(parts)
        drawn = resample(parts, combine, settings.resamples, generator)
        every = list(range(len(parts)))
        return cls((Block(every, every, drawn),), settings, constant, bounds)

    @classmethod
    def of_uneven(
        cls,
        runs: Sequence[Mapping[int, Floats]],
        combine: Callable[[Floats], Floats],
        settings: Settings,
        generator: Callable[[], np.random.Generator],
        constant: float | None = None,
        bounds: tuple[float, float] = (-np.inf, np.inf),
    ) -> "Scores":
        """Resample runs of which not all masks have the same seeds.

        Args:
            runs: seed → (examples, parts) of every mask; the dense one, first, has all seeds.
            combine, settings: as of `of`.
            generator: returns a fresh generator, always the same.
            constant, bounds: see the class.

        Raises:
            ValueError: there is no seed or no example, or a score that is not a finite number.
        """
        alike: dict[tuple[int, ...], list[int]] = {}
        for index, of_mask in enumerate(runs):
            alike.setdefault(tuple(of_mask), []).append(index)
        blocks = []
        for seeds, indices in alike.items():
            chosen = [*([] if 0 in indices else [0]), *indices]
            parts = np.array([[runs[index][seed] for seed in seeds] for index in chosen])
            _check_parts(parts)
            drawn = resample(parts, combine, settings.resamples, generator())
            blocks.append(Block(indices, [chosen.index(index) for index in indices], drawn))
        return cls(tuple(blocks), settings, constant, bounds)

    @cached_property
    def seeds(self) -> npt.NDArray[np.intp]:
        """(masks,) how many seeds there are."""
        return self._of_blocks(lambda drawn: np.full(len(drawn.by_seed), drawn.by_seed.shape[1]))

    @property
    def examples(self) -> int:
        """How many examples there are."""
        return int(self.blocks[0].resamples.values.shape[2])

    @cached_property
    def means(self) -> Floats:
        """(masks,) scores in points."""
        return self._of_blocks(lambda drawn: drawn.by_seed.mean(axis=1))

    @cached_property
    def samples(self) -> Floats:
        """(masks, resamples) scores in points."""
        samples: Floats = np.clip(self._of_blocks(Resamples.scores), *self.bounds)
        return samples

    @cached_property
    def drops(self) -> Floats:
        """(masks, 3) drops in points: the mean, and those of the best and of the worst seed."""

        def of_block(drawn: Resamples) -> Floats:
            drops = drawn.by_seed[0] - drawn.by_seed
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
        """(masks,) the variance of the mean drop over seeds and examples."""
        return self._of_blocks(lambda drawn: drawn.drop_spread().mean_variance)

    def p_values(self, epsilon: float) -> Floats:
        """Return (masks,) p-values of a drop of `epsilon` points or more."""
        return self._of_blocks(
            lambda drawn: p_noninferior(
                (drawn.by_seed[0] - drawn.by_seed).mean(axis=1), drawn.drop_spread(), epsilon
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
    seeds and examples at once.

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
    def seeds(self) -> npt.NDArray[np.intp]:
        """(points,) how many seeds there are."""
        return self.scores.seeds[self.indices]

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
        found = self.scores.p_values(epsilon)[self.indices]
        return [
            float(value) if seeds > 1 else None
            for value, seeds in zip(found, self.seeds, strict=True)
        ]

    def essential_rows(self) -> Iterator[Row]:
        """Yield the columns of the table `essential` from `tolerance` on, a row a tolerance.

        Among them are `epsilon` in points, `estimate`, `low` and `high`, sparsities in [0, 1], of
        which `…_censored` is "above" or "below" where the true one lies beyond that end of the
        sparsities, `resolved`, false where the noise hides a drop of ε, and `certified`, None where
        nothing can be certified, for the reason in `uncertified_because`.

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
        if not is_learnt(dense_low, scores.constant):
            found = Certificate(None, because=_CHANCE)
        elif not tested.indices:
            found = Certificate(None, because=_UNTESTED)
        else:
            found = certify(
                tested.sparsities,
                tested.scores.p_values(tolerance.epsilon)[tested.indices],
                level,
                epsilon=tolerance.epsilon,
                seeds=int(tested.seeds.min()),
                examples=scores.examples,
            )
        return {
            "certified": found.sparsity,
            "certified_censored": found.censored,
            "certification_level": level,
            "uncertified_because": found.because,
        }

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
        raise ValueError(f"{parts.shape}: not masks × seeds × examples × parts, one or more each")
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
