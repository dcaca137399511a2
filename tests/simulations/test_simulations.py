"""The validation on a few data sets: what it simulates is what it says, and its page follows."""

from pathlib import Path

import numpy as np
import pytest

from simulations import __main__ as command
from simulations.report import READING, render
from simulations.trial import Setting, draw_answers, run_trial
from simulations.truth import GRID, TRUTHS

SETTING = Setting(3, 400, 1)


@pytest.mark.parametrize(
    ("name", "turn", "on_grid"),
    [
        ("hinge", 0.525, 0.525),
        ("hinge off the grid", 0.575, 0.55),
        ("smooth", (1 / 30) ** 0.2, None),
        ("line", 0.5, 0.5),
        ("early", 0.1, 0.1),
        ("flat", np.inf, np.inf),
        ("steep", -np.inf, -np.inf),
    ],
)
def test_curves_turn_where_they_should(name: str, turn: float, on_grid: float | None) -> None:
    truth = TRUTHS[name]
    assert truth.turn == pytest.approx(turn, abs=1e-6)
    if on_grid is not None:
        assert truth.turn_on_grid == pytest.approx(on_grid, abs=1e-6)


def test_answers_have_the_scores_and_the_spread_that_are_asked_for() -> None:
    setting = Setting(200, 1000, 2)
    answers = draw_answers([TRUTHS["steep"]], setting, np.random.default_rng(0))
    assert answers.shape == (1 + len(GRID), 200, 1000, 1)
    by_seed = answers.mean(axis=(2, 3))
    drops = (by_seed[0] - by_seed[1:]).mean(axis=1)
    np.testing.assert_allclose(drops, TRUTHS["steep"].drops, atol=1.2)
    # Two runs' scores: twice the spread, and what single answers add.
    error = 100 * np.sqrt(0.8 * 0.2 / 1000)
    assert (by_seed[0] - by_seed[1]).std() == pytest.approx(error * np.sqrt(8.7), rel=0.2)


def test_a_data_set_is_the_same_whoever_draws_it() -> None:
    first, again, other = (run_trial(SETTING, 100, number) for number in (1, 1, 2))
    assert first == again != other
    assert list(first) == list(TRUTHS)


def test_the_page_has_a_row_for_every_setting_and_curve() -> None:
    settings = (SETTING, Setting(1, 400, 0))
    outcomes = {
        setting: {
            name: [outcome]
            for name, outcome in run_trial(setting, 100, 0).items()
        }
        for setting in settings
    }  # fmt: skip
    page = render(outcomes, sets=1, resamples=100, seconds=61, machine="a machine.")
    for setting in settings:
        assert page.count(f"| {setting.seeds} | 400 | {setting.spread:g} |") == 1 + len(TRUTHS)
    assert "nan" not in page


def test_the_page_of_the_docs_is_of_these_settings_and_this_code() -> None:
    page = (Path(__file__).parents[2] / "docs/validation.md").read_text(encoding="utf-8")
    assert READING in page
    for setting in command.SETTINGS:
        row = f"| {setting.seeds} | {setting.examples:,} | {setting.spread:g} |"
        assert page.count(row) == 1 + len(TRUTHS)


def test_bad_arguments_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["simulations", "--sets", "0"])
    with pytest.raises(SystemExit):
        command.main()
    assert "--sets and --processes take 1 or more" in capsys.readouterr().err
