"""The rule of decision for claims about every case."""

import pytest

from essential_sparsity.claims.finding import Case, Range
from essential_sparsity.estimators.intervals import Interval


def case(value: float, low: float, high: float, name: str = "x", **more: object) -> Case:
    return Case(name, Interval(value, low, high), **more)  # type: ignore[arg-type]


AT_LEAST_30 = Range(30, None, "%", 0.95)


@pytest.mark.parametrize(
    ("cases", "verdict"),
    [
        ([case(50, 40, 60)], "holds"),
        ([case(50, 30, 60)], "holds"),
        ([case(50, 29, 60)], "not resolved"),
        ([case(20, 10, 29)], "does not"),
        ([case(20, 10, 30)], "not resolved"),
        ([case(50, 40, 60), case(20, 10, 22)], "does not"),
        ([case(50, 40, 60), case(32, 25, 40)], "not resolved"),
        # What is certified counts, not the interval, from below; from above it is the interval.
        ([case(50, 40, 60, floor=20.0)], "not resolved"),
        ([case(40, 25, 60, floor=30.0)], "holds"),
        ([case(50, 40, 60, uncertified="one seed")], "not resolved"),
        ([case(20, 10, 22, uncertified="one seed")], "does not"),
        # A case that can tell nothing neither supports nor refutes.
        ([case(50, 40, 60), case(5, 1, 9, void="not learnt")], "not resolved"),
    ],
)
def test_at_least(cases: list[Case], verdict: str) -> None:
    assert AT_LEAST_30.decide(cases).verdict == verdict


def test_an_upper_end_and_both() -> None:
    assert Range(None, 40, "%", 0.95).decide([case(35, 20, 40)]).verdict == "holds"
    assert Range(None, 40, "%", 0.95).decide([case(50, 41, 60)]).verdict == "does not"
    both = Range(-1, 1, "points", 0.95)
    assert both.decide([case(0.2, -0.9, 0.9)]).verdict == "holds"
    assert both.decide([case(0.2, -0.9, 1.1)]).verdict == "not resolved"
    assert both.decide([case(3, 1.1, 5)]).verdict == "does not"


def test_one_of_many_refutes_only_at_a_level_for_all_of_them() -> None:
    """A single interval just below the bound is what chance brings among twenty."""
    just_below = case(20, 10, 29.9)
    assert AT_LEAST_30.decide([just_below]).verdict == "does not"
    others = [case(50, 40, 60)] * 19
    assert AT_LEAST_30.decide([just_below, *others]).verdict == "not resolved"
    far_below = case(20, 15, 25)
    assert AT_LEAST_30.decide([far_below, *others]).verdict == "does not"


def test_the_reason_names_the_case_that_decides_with_its_numbers() -> None:
    finding = AT_LEAST_30.decide([case(50, 40, 60, "bert"), case(36, 31, 45, "opt", floor=30.0)])
    assert finding.reason == (
        "in all 2 cases; nearest to failing: opt: 36 [31, 45] %, certified to 30 %"
    )
    assert finding.measured == Interval(36, 31, 45)
    finding = AT_LEAST_30.decide([case(50, 40, 60, "bert"), case(10, 5, 12, "opt")])
    assert finding.reason == "opt: 10 [5, 12] % is below 30, at a level for 2 comparisons"
    finding = AT_LEAST_30.decide([case(50, 40, 60, "bert", floor=0.0), case(60, 55, 70)])
    assert (
        finding.reason
        == "1 of 2 undecided: bert: 50 [40, 60] %, certified nowhere, where 30 would be needed"
    )
    finding = Range(None, 40, "%", 0.95).decide([case(35, 20, 45, "opt")])
    assert finding.reason == "opt: 35 [20, 45] % reaches above 40"
