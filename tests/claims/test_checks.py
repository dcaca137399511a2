"""Each test of a claim, on tables whose answer is known."""

import math
from typing import Any

import numpy as np
import pytest

from claims_tables import PAPER, Row, Tables, claim, curve
from essential_sparsity.claims.checks.spread import variance_difference

BERT = {"models": ["bert-base"], "tasks": ["rte"]}
OPT = {"models": ["opt-125m"], "tasks": ["rte"]}


def verdict(rows: list[Row]) -> str:
    (row,) = rows
    return str(row["verdict"])


# essential-within: patterns


def test_patterns_of_any_size_are_one_scope(tables: Tables) -> None:
    test = {"kind": "essential-within", "scope": "N:M", "low": 0.125, "high": 0.875}
    rows = [
        curve("bert-base", "rte", "50", "40", "60", scope="N:8", certified=0.25),
        curve("bert-base", "rte", "5", "4", "6", family="else"),
    ]
    tables.write("essential", rows)
    (row,) = tables.judge(claim(test, every=BERT))
    assert (row["verdict"], row["measured"]) == ("holds", pytest.approx(50))


def test_a_turning_point_off_the_grid_may_be_anywhere_beyond(tables: Tables) -> None:
    tables.write("essential", [curve("bert-base", "rte", "50", "< 30", "> 70")])
    test = {"kind": "essential-within", "low": 0.3}
    (row,) = tables.judge(claim(test, every=BERT))
    assert (row["low"], row["high"], row["measured_censored"]) == (0, 100, "")
    tables.write("essential", [curve("bert-base", "rte", "< 30", "< 30", "< 30")])
    (row,) = tables.judge(claim({**test, "low": 0.2}, every=BERT))
    # Somewhere below 30 %: that may well be 20 %.
    assert (row["low"], row["high"], row["verdict"]) == (0, pytest.approx(30), "not resolved")
    assert (row["measured_censored"], row["measured"]) == ("below", pytest.approx(30))
    assert "< 30 [0, 30] %" in row["reason"]


# essential-order


@pytest.mark.parametrize(
    ("first", "second", "margin", "expected"),
    [
        (("60", "55", "65"), ("40", "35", "45"), 0.0, "holds"),
        (("60", "50", "70"), ("50", "40", "60"), 0.0, "not resolved"),
        (("40", "35", "45"), ("60", "55", "65"), 0.0, "does not"),
        # Level, but for the margin.
        (("50", "48", "52"), ("50", "48", "52"), 0.05, "holds"),
        # Off the grid on both sides: the difference may be anything in between.
        (("> 90", "> 90", "> 90"), ("> 90", "> 90", "> 90"), 0.0, "not resolved"),
        (("> 90", "85", "> 90"), ("40", "35", "45"), 0.0, "holds"),
        (("< 10", "< 10", "< 10"), ("40", "35", "45"), 0.0, "does not"),
    ],
)
def test_essential_order(
    tables: Tables, first: Any, second: Any, margin: float, expected: str
) -> None:
    tables.write(
        "essential", [curve("bert-base", "rte", *first), curve("opt-125m", "rte", *second)]
    )
    test = {"kind": "essential-order", "margin": margin}
    assert verdict(tables.judge(claim(test, first=BERT, second=OPT))) == expected


def test_a_bound_of_zero_has_no_sign(tables: Tables) -> None:
    rows = [curve("bert-base", "rte", "40", "35", "45"), curve("opt-125m", "rte", "60", "55", "65")]
    tables.write("essential", rows)
    (row,) = tables.judge(claim({"kind": "essential-order"}, first=BERT, second=OPT))
    assert row["reason"].endswith(" is below 0")


def test_an_order_needs_both_sides_on_one_task(tables: Tables) -> None:
    rows = [curve("bert-base", "rte", "60", "55", "65"), curve("opt-125m", "sst2", "9", "8", "10")]
    tables.write("essential", rows)
    both = {"tasks": ["rte", "sst2"]}
    entry = claim({"kind": "essential-order"}, first={**BERT, **both}, second={**OPT, **both})
    assert tables.judge(entry) == []


# spread


def spread(tables: Tables, points: list[list[float]], half: float) -> Row:
    models, tasks = ["bert-base", "opt-125m", "small-bert"], ["rte", "sst2", "a", "b", "c", "d"]
    rows = [
        curve(model, task, str(p), str(p - half), str(p + half), recipe=PAPER)
        for model, line in zip(models, points, strict=True)
        for task, p in zip(tasks, line, strict=True)
    ]
    tables.write("essential", rows)
    every = {"models": models, "tasks": tasks}
    recipes = dict.fromkeys(tasks, PAPER)
    (row,) = tables.judge(claim({"kind": "spread"}, every=every), recipes=recipes)
    return row


def test_spread_between_tasks_and_between_models(tables: Tables) -> None:
    tasks = np.array([30.0, 40, 45, 55, 60, 70])
    found = spread(tables, [list(tasks + shift) for shift in (-1, 0, 1)], half=3)
    assert found["verdict"] == "holds"
    assert found["measured"] == pytest.approx(tasks.var(ddof=1) - 1, rel=0.02)
    assert found["reason"] == (
        f"standard deviation {tasks.std(ddof=1):.3g} points between 6 tasks, 1 between 3 models, "
        "noise included"
    )
    found = spread(tables, [list(50 + shift + tasks / 50) for shift in (-20, 0, 20)], half=3)
    assert found["verdict"] == "does not"


def test_noise_alone_is_no_spread() -> None:
    """Tasks' means, over fewer values, scatter more than models' means: by noise alone."""
    generator = np.random.default_rng(3)
    found = []
    for number in range(200):
        points = generator.normal(50, 5, (3, 6))
        table = [
            [curve(f"{number}", f"{m}{t}", str(p), str(p - 9.8), str(p + 9.8)) for t, p in line]
            for m, line in enumerate(map(enumerate, points))
        ]
        found.append(variance_difference(table, 0.95))
    assert sum(interval.low > 0 or interval.high < 0 for interval in found) <= 10
    # What noise adds is taken out again: 25 / 3 to one variance, 25 / 6 to the other.
    assert abs(np.mean([interval.value for interval in found])) < 25 / 6 / 2


# sharper


def turn(model: str, task: str, ratio: float | None, half: float = 1.2) -> Row:
    return {
        "model": model, "task": task, "recipe": PAPER, "family": "magnitude-global",
        "criterion": "magnitude", "scope": "global", "seeds": 3, "slope_ratio": ratio,
        "slope_ratio_low": None if ratio is None else ratio / half,
        "slope_ratio_high": None if ratio is None else ratio * half, "slope_after": 5.0,
    }  # fmt: skip


def write_turns(tables: Tables, rows: list[Row], flat: int = 0, experiment: str = "one") -> None:
    """Write the curves, of which the last drop of the first `flat` ones is 1.5 ± 1 points."""
    tables.write("sharpness", rows, experiment)
    points = [
        drop(
            sparsity,
            value,
            value - 1,
            value + 1,
            **{k: row[k] for k in ("model", "task", "recipe")},
        )
        for number, row in enumerate(rows)
        for sparsity, value in ((0.9, 1.5 if number < flat else 20.0), (0.1, 3.0), (0.0, 0.0))
    ]
    tables.write("drop", points, experiment)


def sharper(
    tables: Tables,
    first: list[float | None],
    second: list[float | None],
    flat: int = 0,
    epsilon: float = 1.0,
) -> Row:
    tasks = ["rte", "sst2", "c", "d"]
    rows = [turn("vit-base", t, r) for t, r in zip(tasks, first, strict=False)]
    rows += [turn("bert-base", t, r) for t, r in zip(tasks, second, strict=False)]
    write_turns(tables, rows, flat)
    roles = {
        "first": {"models": ["vit-base"], "tasks": tasks[: len(first)]},
        "second": {"models": ["bert-base"], "tasks": tasks[: len(second)]},
    }
    entry = claim({"kind": "sharper"}, **roles)
    (row,) = tables.judge(entry, recipes=dict.fromkeys(tasks, PAPER), epsilon=epsilon)
    return row


def test_sharper_compares_how_much_of_the_slope_is_new(tables: Tables) -> None:
    found = sharper(tables, [10, 20, math.inf], [2, 1.5, 0.5])
    assert found["verdict"] == "holds"
    # Flat before is all new, and a curve that bends the other way has nothing new.
    expected = 100 * ((0.9 + 0.95 + 1) / 3 - (0.5 + 1 / 3 + 0) / 3)
    assert found["measured"] == pytest.approx(expected)
    assert sharper(tables, [2, 1.5, 2], [10, 20, math.inf])["verdict"] == "does not"


def test_sharper_knows_how_far_curves_differ(tables: Tables) -> None:
    """Narrow intervals of single curves do not hide that the curves of a role disagree."""
    assert sharper(tables, [1.2, 60], [1.1, 1.3])["verdict"] == "not resolved"
    # With one curve a side there are only their own intervals.
    assert sharper(tables, [20], [2])["verdict"] == "holds"
    short = sharper(tables, [20, 22, 24], [None])
    assert (short["verdict"], short["measured"]) == ("not resolved", None)
    assert short["reason"] == "left out of second: 1 of 1 curves, of too few points"


def test_a_curve_that_is_flat_to_the_end_has_not_turned(tables: Tables) -> None:
    """The ratio of its slopes is one of noise, and would bear the claim out."""
    found = sharper(tables, [50, 60, 2, 2.1], [1.9, 2, 2.2], flat=2)
    assert found["verdict"] == "not resolved"
    assert found["reason"].startswith("first: 51.2 % of 2 curves' slope is new")
    assert found["reason"].endswith(
        "; left out of first: 2 of 4 curves, not turned by their last sparsity"
    )
    found = sharper(tables, [50, 60, 2, 2.1], [1.9, 2, 2.2])
    assert found["verdict"] == "not resolved" and "left out" not in found["reason"]
    found = sharper(tables, [50, 60], [1.9, 2, 2.2], flat=2)
    assert (found["verdict"], found["measured"]) == ("not resolved", None)
    assert found["reason"] == "left out of first: 2 of 2 curves, not turned by their last sparsity"
    assert sharper(tables, [50, 60], [1.9, 2, 2.2])["verdict"] == "holds"
    # A drop above 0 and yet within ε is none.
    found = sharper(tables, [50, 60], [1.9, 2, 2.2], flat=2, epsilon=0.4)
    assert (found["verdict"], found["epsilon"]) == ("holds", 0.4)


# drop-within


def drop(sparsity: float, value: float, low: float, high: float, **more: Any) -> Row:
    return {
        "model": "bert-base", "task": "rte", "recipe": PAPER, "family": "magnitude-global",
        "criterion": "magnitude", "scope": "global", "seeds": 3, "sparsity": sparsity,
        "mask": f"s{sparsity}", "drop": value, "drop_low": low, "drop_high": high,
        "score_low": 80.0, "constant": 50.0, **more,
    }  # fmt: skip


DENSE = drop(0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([drop(0.215, 0.2, -0.5, 0.9)], "holds"),
        ([drop(0.215, 0.2, -0.5, 1.1)], "not resolved"),
        ([drop(0.215, 3, 1.5, 4)], "does not"),
        # Between two masks: the sparser one bears out, the denser one refutes.
        ([drop(0.2, 0.1, -1, 1.5), drop(0.3, 0.2, -0.5, 0.9)], "holds"),
        ([drop(0.2, 0.9, -0.5, 2.3), drop(0.3, 6, 5, 7)], "not resolved"),
        ([drop(0.2, 2, 1.5, 4), drop(0.3, 2.1, 1.6, 4)], "does not"),
    ],
)
def test_drop_within(tables: Tables, points: list[Row], expected: str) -> None:
    tables.write("drop", [DENSE, *points])
    test = {"kind": "drop-within", "sparsity": 0.215}
    (row,) = tables.judge(claim(test, every=BERT))
    assert row["verdict"] == expected
    assert ("bracketed" in row["reason"]) == (len(points) == 2)


def test_drop_within_takes_the_studys_tolerance_and_needs_a_mask_as_sparse(tables: Tables) -> None:
    test = {"kind": "drop-within", "sparsity": 0.215}
    tables.write("drop", [DENSE, drop(0.215, 1.2, 0.5, 1.9)])
    assert verdict(tables.judge(claim(test, every=BERT))) == "not resolved"
    assert verdict(tables.judge(claim(test, every=BERT), epsilon=2.0)) == "holds"
    tables.write("drop", [DENSE, drop(0.1, 0.1, -0.2, 0.4)])
    assert tables.judge(claim(test, every=BERT)) == []


# difference-within


def difference(sparsity: float, value: float, half: float, **more: Any) -> Row:
    return {
        "model": "bert-base", "task": "rte", "recipe": PAPER, "family": "ticket-global",
        "criterion": "ticket", "scope": "global", "seeds": 3, "sparsity": sparsity,
        "mask": f"t{sparsity}", "baseline": "magnitude-global", "difference": value,
        "difference_low": value - half, "difference_high": value + half,
        "dense_low": 80.0, "constant": 50.0, **more,
    }  # fmt: skip


EQUAL = {"kind": "difference-within", "criterion": "ticket", "below": 0.5, "low": -1, "high": 1}
BETTER = {
    "kind": "difference-within", "criterion": "ticket", "above": 0.5, "low": 0, "of": "means",
}  # fmt: skip


def test_equal_scores_take_every_interval_within_the_margin(tables: Tables) -> None:
    tables.write("difference", [difference(0.2, 0.1, 0.5), difference(0.6, 5, 1)])
    assert verdict(tables.judge(claim(EQUAL, every=BERT))) == "holds"
    tables.write("difference", [difference(0.2, 0.1, 0.5), difference(0.4, 0.1, 1)])
    assert verdict(tables.judge(claim(EQUAL, every=BERT))) == "not resolved"
    tables.write("difference", [difference(0.2, 0.1, 0.5), difference(0.4, 5, 1)])
    assert verdict(tables.judge(claim(EQUAL, every=BERT))) == "does not"


def test_scores_that_never_differ_are_no_evidence_that_masks_are_equal(tables: Tables) -> None:
    tables.write("difference", [difference(0.2, 0.0, 0.0)])
    (row,) = tables.judge(claim(EQUAL, every=BERT))
    assert (row["verdict"], row["measured"]) == ("not resolved", None)
    assert "not learnt" in row["reason"]


def test_better_beyond_is_a_matter_of_the_curves_mean(tables: Tables) -> None:
    rows = [difference(0.3, -5, 1), difference(0.6, 3, 1), difference(0.9, -0.5, 1)]
    tables.write("difference", rows)
    (row,) = tables.judge(claim(BETTER, every=BERT))
    assert (row["verdict"], row["measured"], row["low"]) == ("holds", 1.25, 0.25)
    tables.write("difference", [difference(0.6, -3, 1)])
    assert verdict(tables.judge(claim(BETTER, every=BERT))) == "does not"


def test_tickets_found_in_another_way_are_not_the_papers(tables: Tables) -> None:
    tables.write("difference", [difference(0.2, 0.1, 0.5, family="ticket-global-step0.30")])
    absent, own = tables.judge(claim(EQUAL, every=BERT))
    assert (absent["verdict"], own["own"], own["verdict"]) == ("not run", True, "holds")


# rate-ratio


def placement(rates: list[tuple[float, float]], model: str = "bert-base") -> list[Row]:
    """Four matrices of attention and two twice as large of feed-forward a layer."""
    return [
        {
            "model": model, "mask": "m", "criterion": "magnitude", "scope": "global",
            "sparsity": 0.215, "matrix": f"{layer}.{part}.{number}", "layer": layer, "part": part,
            "weights": weights, "removed": round(rate * weights),
        }
        for layer, (feed_forward, attention) in enumerate(rates)
        for part, count, weights, rate in (
            ("attention", 4, 10_000, attention),
            ("feed_forward", 2, 40_000, feed_forward),
        )
        for number in range(count)
    ]  # fmt: skip


RATIO = {"kind": "rate-ratio", "sparsity": 0.215}


def test_the_rate_ratio_pools_layers_and_not_their_levels(tables: Tables) -> None:
    """Every layer has the ratio 2, whatever its own level."""
    tables.write("placement", placement([(0.4, 0.2), (0.2, 0.1), (0.04, 0.02)]))
    (row,) = tables.judge(claim(RATIO, every={"models": ["bert-base"]}))
    assert row["verdict"] == "holds"
    assert (row["measured"], row["low"], row["high"]) == pytest.approx((2, 2, 2))
    assert row["reason"].endswith(
        "at 21.5 %, 80 % of what Bert-Base loses is feed-forward, as are 66.7 % of all weights"
    )
    assert row["tasks"] == []


def test_the_rate_ratio_hangs_on_single_layers_where_they_disagree(tables: Tables) -> None:
    """Most of what is removed is feed-forward, as most of all weights are: that decides nothing."""
    rates = [(0.3, 0.2), (0.2, 0.3), (0.3, 0.25), (0.2, 0.22)]
    tables.write("placement", placement(rates))
    (row,) = tables.judge(claim(RATIO, every={"models": ["bert-base"]}))
    assert row["verdict"] == "not resolved"
    assert row["low"] < row["measured"] < row["high"]
    tables.write("placement", placement([(0.1, 0.2), (0.12, 0.3)]))
    (row,) = tables.judge(claim(RATIO, every={"models": ["bert-base"]}))
    assert row["verdict"] == "does not"


# zero-share


@pytest.mark.parametrize(
    ("shares", "expected", "measured"),
    [
        ([(0.02, 0.01), (0.12, 0.1)], "holds", 60),
        ([(0.01, 0.02), (0.12, 0.1)], "not resolved", -15),
        ([(0.01, 0.02), (0.05, 0.1)], "does not", -50),
    ],
)
def test_zero_share(
    tables: Tables, shares: list[tuple[float, float]], expected: str, measured: float
) -> None:
    rows = [
        {"model": model, "level": level, "relative": False, "threshold": tau, "share": share}
        for tau, pair in zip((1e-4, 1e-3), shares, strict=True)
        for model, share in zip(("dino-base", "vit-base"), pair, strict=True)
        for level in ("model", "layer")
    ]
    tables.write("near_zero", rows)
    roles = {"first": {"models": ["dino-base"]}, "second": {"models": ["vit-base"]}}
    (row,) = tables.judge(claim({"kind": "zero-share"}, **roles))
    assert (row["verdict"], row["unit"]) == (expected, "% more")
    assert row["measured"] == pytest.approx(measured)


# similarity


def trained(task: str, seed: int, plain: bool = True) -> dict[str, Any]:
    return {"task": task, "recipe": PAPER, "seed": seed, "plain": plain}


MASKS = {
    f"{task}{seed}-{sparsity:g}": trained(task, seed)
    for task, seed in (("rte", 1), ("rte", 2), ("sst2", 1))
    for sparsity in (0.1, 0.4, 0.6)
}


def pair(a: str, b: str, sparsity: float, cosine: float) -> Row:
    def side(name: str, letter: str) -> Row:
        criterion = {"one-shot": "magnitude", "noise": "noisy-magnitude"}.get(name, "ticket")
        family = "magnitude-global" if name == "one-shot" else name
        row = {"mask": f"{name}-{sparsity:g}", "family": family, "criterion": criterion}
        return {f"{key}_{letter}": value for key, value in row.items()} | {
            f"sparsity_{letter}": sparsity
        }

    kappa = (cosine - 1 + sparsity) / sparsity
    measures = {"cosine": cosine, "chance": 1 - sparsity, "kappa": kappa}
    return {"model": "bert-base", "matrix": None, **side(a, "a"), **side(b, "b"), **measures}


SIMILAR = [
    pair("one-shot", "rte1", 0.1, 0.99),
    pair("one-shot", "rte1", 0.4, 0.97),
    pair("one-shot", "rte1", 0.6, 0.90),
    pair("one-shot", "sst21", 0.4, 0.975),
    pair("one-shot", "noise", 0.4, 0.98),
    pair("rte1", "sst21", 0.4, 0.95),
    pair("rte1", "rte2", 0.4, 0.955),
]
TICKETS = {"models": ["bert-base"], "tasks": ["rte", "sst2"]}


def judge_similarity(tables: Tables, test: dict[str, Any], rows: list[Row]) -> Row:
    tables.write("similarity", rows)
    (row,) = tables.judge(claim(test, every=TICKETS), trained=MASKS)
    return row


def test_the_least_similar_ticket_decides(tables: Tables) -> None:
    test = {"kind": "cosine-at-least", "cosine": 0.96, "up_to": 0.4}
    row = judge_similarity(tables, test, SIMILAR)
    assert (row["verdict"], row["measured"]) == ("holds", 0.97)
    assert row["reason"] == (
        "in all 3 cases; nearest to failing: Bert-Base on RTE, seed 1, at 40 %: 0.97 cosine; "
        "κ 0.925, chance 0.6; moved at random 0.9800, this 0.9700: no more alike than that"
    )
    row = judge_similarity(tables, {**test, "up_to": 0.6}, SIMILAR)
    assert (row["verdict"], row["measured"]) == ("does not", 0.90)
    assert row["reason"].endswith("κ 0.833, chance 0.4, no null model here")


def test_a_part_of_the_tasks_is_a_part_of_the_claim(tables: Tables) -> None:
    test = {"kind": "cosine-at-least", "cosine": 0.96, "up_to": 0.4}
    row = judge_similarity(tables, test, [pair("one-shot", "rte1", 0.1, 0.99)])
    assert row["verdict"] == "not resolved"
    assert "not run: bert-base on sst2" in row["reason"]


def test_the_cosine_falls_with_every_step(tables: Tables) -> None:
    row = judge_similarity(tables, {"kind": "cosine-falls"}, SIMILAR)
    assert row["verdict"] == "holds"
    assert math.isclose(row["measured"], -0.02)
    rising = [*SIMILAR, pair("one-shot", "sst21", 0.6, 0.98)]
    assert judge_similarity(tables, {"kind": "cosine-falls"}, rising)["verdict"] == "does not"


def test_tickets_of_two_tasks_beside_two_seeds(tables: Tables) -> None:
    row = judge_similarity(tables, {"kind": "tasks-differ"}, SIMILAR)
    assert row["verdict"] == "holds"
    assert row["measured"] == pytest.approx(0.95 - (0.97 + 0.975) / 2)
    assert row["reason"].endswith("tickets of one task by two seeds: as low as -0.0175")
    alike = [*SIMILAR[:-1], pair("rte1", "rte2", 0.4, 0.94)]
    row = judge_similarity(tables, {"kind": "tasks-differ"}, alike)
    assert row["verdict"] == "holds", "the claim as it is put"
    assert row["reason"].endswith("as low as -0.0325, so that another seed does as much")


def test_tickets_of_two_recipes_are_neither_two_seeds_nor_two_tasks(tables: Tables) -> None:
    """A pair that two recipes have found would be no seed's, and no task's, doing."""
    long = {"recipe": "long-1"}
    seeds = {**MASKS, "rte2-0.4": MASKS["rte2-0.4"] | long}
    tasks = {**MASKS, "sst21-0.4": MASKS["sst21-0.4"] | long}
    tables.write("similarity", SIMILAR)
    entry = claim({"kind": "tasks-differ"}, every=TICKETS)
    (paper,) = tables.judge(entry, trained=MASKS)
    assert "tickets of one task by two seeds" in paper["reason"]
    _, own = tables.judge(entry, trained=seeds, recipes={})
    assert own["reason"].endswith("no second seed of a task to compare with")
    assert tables.judge(entry, trained=tasks, recipes={}) == []


def test_masks_without_tickets_say_nothing(tables: Tables) -> None:
    tables.write("similarity", [pair("one-shot", "noise", 0.4, 0.98)])
    test = {"kind": "cosine-at-least", "cosine": 0.96}
    assert tables.judge(claim(test, every=TICKETS), trained=MASKS) == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (drop(0.215, 0.0, -0.2, 0.3, seeds=1), "one seed does not tell how much seeds differ"),
        (drop(0.215, 0.0, 0.0, 0.0), "scores that never differ give no interval"),
    ],
)
def test_a_drop_without_an_interval_over_seeds_decides_nothing(
    tables: Tables, row: Row, reason: str
) -> None:
    tables.write("drop", [DENSE, row])
    test = {"kind": "drop-within", "sparsity": 0.215}
    (found,) = tables.judge(claim(test, every=BERT))
    assert found["verdict"] == "not resolved"
    assert reason in found["reason"]
