"""The validation on a few data sets: what it simulates is what it says, and its page follows."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulations import __main__ as command
from simulations import clusters, search
from simulations.reading import Outcomes, read
from simulations.report import render
from simulations.trial import Setting, draw_answers, run_trial
from simulations.truth import GRID, TRUTHS, VALIDATED

DOCS = Path(__file__).parents[2] / "docs"

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
        ("hinge, finer grid", 0.575, 0.575),
        ("steeper hinge, finer grid", 0.57, 0.55 + 0.025 / 1.5),
    ],
)
def test_curves_turn_where_they_should(name: str, turn: float, on_grid: float | None) -> None:
    truth = VALIDATED[name]
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
    assert list(first) == list(VALIDATED)


def test_neighbours_are_the_sparsities_around_an_interval() -> None:
    truth = TRUTHS["hinge"]
    assert truth.neighbours(0.51, 0.58) == (0.5, 0.6)
    assert truth.neighbours(0.5, 0.6) == (0.5, 0.6)
    assert truth.neighbours(0.05, 0.95) == (-np.inf, np.inf)
    assert truth.neighbours(-np.inf, np.inf) == (-np.inf, np.inf)


def test_an_interval_that_shrinks_around_the_lines_turn_is_not_counted_as_the_truths() -> None:
    setting = Setting(5, 10_000, 0)
    found = run_trial(setting, 100, 0)["hinge off the grid"]
    assert not (found.below or found.above or found.held)
    assert found.neighbours
    assert found.bias == pytest.approx(-0.025, abs=0.01)


def test_bends_are_those_of_the_hinges() -> None:
    found = run_trial(SETTING, 100, 1)
    for name, outcome in found.items():
        assert (outcome.bend is not None) == ("hinge" in name), name
    sure = run_trial(Setting(10, 4000, 0), 100, 1)["sloped hinge"].bend
    assert sure is not None and sure.breakpoint and sure.ratio


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    """Return outcomes of all settings: those of one small data set, whatever the setting."""
    found = {name: [outcome] for name, outcome in run_trial(SETTING, 100, 0).items()}
    return dict.fromkeys(command.SETTINGS, found)


def render_page(outcomes: Outcomes) -> str:
    return render(outcomes, sets=1, resamples=100, seconds=61, machine="a machine.")


def test_the_page_has_a_row_for_every_setting_and_curve(outcomes: Outcomes) -> None:
    page = render_page(outcomes)
    hinges = sum("hinge" in name for name in VALIDATED)
    for setting in command.SETTINGS:
        row = f"| {setting.seeds} | {setting.examples:,} | {setting.spread:g} |"
        assert page.count(row) == 1 + len(VALIDATED) + hinges
    assert "nan" not in page


def test_the_page_says_what_was_counted(outcomes: Outcomes) -> None:
    (outcome,) = outcomes[command.SETTINGS[-1]]["hinge off the grid"]
    many = replace(outcome, below=False, above=False, held=False, neighbours=True, false=True)
    setting = Setting(5, 123, 1)
    found = {name: [many] * 3 + [replace(many, held=True)] for name in VALIDATED}
    page = " ".join(render_page({setting: found}).split())
    assert "intervals of five seeds held the true turn in 25.0 % (of 123 examples" in page
    assert "hold the true turn between them in 100.0 % of cases" in page
    assert "**Certificates** are false in no more than 100.0 % of cases of a curve" in page
    assert "| 5 | 123 | 1 | hinge | 100.0 % | 0.0 % | 0.0 % | 25.0 % | 100.0 % |" in page


def masked(text: str) -> str:
    """Return a text without its numbers, names in italics and line breaks."""
    text = re.sub(r"(?<!\*)\*[^*]+\*(?!\*)", "*", " ".join(text.split()))
    number = r"[+-]?\d+(?:[.,]\d+)*"
    return re.sub(rf"–|{number}(?: to {number})?(?: %)?", "#", text)


def test_the_page_of_the_docs_is_of_these_settings_and_this_code(outcomes: Outcomes) -> None:
    page = (DOCS / "validation.md").read_text(encoding="utf-8")
    assert masked(read(outcomes)) in masked(page)
    made = render_page(outcomes)
    assert _starts(page) == _starts(made) != []


def _starts(page: str) -> list[str]:
    """Return what the rows of the tables begin with: seeds, examples and spread."""
    return re.findall(r"(?m)^\| \d+ \| [\d,]+ \| \d \|(?: [a-z, ]+ \|)?", page)


def test_the_page_on_searches_is_of_these_settings_and_this_code() -> None:
    outcome = search.compare("flat", Setting(3, 400, 0.3), 100, 0)
    made = search.render(
        (
            search.Comparison(search.on_lattice(name), setting, [outcome])
            for setting in search.SETTINGS
            for name in TRUTHS
        ),
        sets=1,
        resamples=100,
    )
    page = (DOCS / "search.md").read_text(encoding="utf-8")
    assert masked(made.rpartition("|\n")[2]) in masked(page)
    assert "nan" not in made
    for row in re.findall(r"(?m)^\| [a-z].*? \| \d+ \| [\d,]+ \| [\d.]+ \|", made):
        assert row in page


def test_bad_arguments_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["simulations", "--sets", "0"])
    with pytest.raises(SystemExit):
        command.main()
    assert "--sets and --processes take 1 or more" in capsys.readouterr().err


def test_answers_of_a_cluster_go_together_and_score_what_is_asked_for() -> None:
    setting = clusters.Setting(3000, 5, 0.5, sizes_differ=True)
    answers, of = clusters.draw_answers([TRUTHS["steep"]], setting, np.random.default_rng(0))
    assert answers.shape == (1 + len(GRID), 1, len(of), 1)
    sizes = np.bincount(of)
    assert (len(sizes), sizes.min(), sizes.max()) == (3000, 1, 9)
    means = answers[:, 0, :, 0].mean(axis=1)
    np.testing.assert_allclose(means[0] - means[1:], TRUTHS["steep"].drops, atol=1.5)
    lost = (answers[0] - answers[-1])[0, :, 0]
    first = np.searchsorted(of, np.flatnonzero(sizes > 1))
    assert np.corrcoef(lost[first], lost[first + 1])[0, 1] > 0.1


def test_few_windows_certify_nothing_where_they_are_known() -> None:
    known, ignored = clusters.run_trial(clusters.Setting(16, 128, 0.5), 100, 0)
    assert not any(known.certified)
    assert any(ignored.certified)


def test_the_page_on_clusters_is_of_these_settings_and_this_code() -> None:
    known, ignored = clusters.run_trial(clusters.Setting(30, 4, 0.2), 100, 0)
    made = clusters.render(
        (
            clusters.Rates.of(setting, is_known, [outcome])
            for setting in clusters.SETTINGS
            for is_known, outcome in ((True, known), (False, ignored))
        ),
        sets=1,
        resamples=100,
    )
    page = (DOCS / "validation.md").read_text(encoding="utf-8")
    assert masked(made.rpartition("|\n")[2]) in masked(page)
    for row in re.findall(r"(?m)^\| [\d,]+ of [\d a-z]+ \| [\d.]+ \| [a-z]+ \|", made):
        assert row in page
