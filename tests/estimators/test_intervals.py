import pytest

from essential_sparsity.estimators.intervals import Interval, normal_quantile, widening
from essential_sparsity.estimators.words import Censoring


def test_a_difference_adds_the_squares_of_the_sides_that_matter() -> None:
    first, second = Interval(60, 57, 70), Interval(50, 40, 54)
    found = first.less(second)
    # Below: 3 down in the first and 4 up in the second; above: 10 up and 10 down.
    assert (found.value, found.low) == (10, 5)
    assert found.high == pytest.approx(10 + 200**0.5)


def test_what_is_off_the_grid_takes_the_worst_case() -> None:
    first = Interval(90, 80, 100, open=True)
    found = first.less(Interval(50, 40, 54))
    assert (found.low, found.high, found.open) == (80 - 54, 100 - 40, True)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("above", "", "> 40"),
        ("", "above", "< 40"),
        ("", "below", "> 40"),
        ("above", "below", "> 40"),
        ("below", "above", "< 40"),
        ("above", "above", "unknown"),
        ("", "", "40"),
    ],
)
def test_a_difference_lies_where_those_off_the_grid_leave_it(
    first: Censoring, second: Censoring, expected: str
) -> None:
    one = Interval(90, 80, 100, open=True, censored=first)
    other = Interval(50, 40, 60, open=True, censored=second)
    assert one.less(other).say_value() == expected
    assert one.less(other).say("points") == f"{expected} [20, 60] points"


def test_several_comparisons_take_wider_intervals() -> None:
    assert normal_quantile(0.95) == pytest.approx(1.96, abs=1e-3)
    assert widening(0.95, 1) == 1
    # Two-sided 95 % for five: 99 % each.
    assert widening(0.95, 5) == pytest.approx(2.5758 / 1.95996, abs=1e-3)
    assert Interval(50, 40, 55).widened(2) == Interval(50, 30, 60)
