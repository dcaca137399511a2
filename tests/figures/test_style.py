import matplotlib
import pytest
from matplotlib.figure import Figure

from essential_sparsity.drawing import style
from essential_sparsity.drawing.layout import text_width, wrap_text


def test_a_model_looks_the_same_whichever_models_a_figure_shows() -> None:
    labelled = ["opt", "bert", "vit"]
    every = style.model_styles(labelled, ["vit"])
    assert every["vit"] == style.model_styles(labelled, ["bert", "opt", "vit"])["vit"]
    assert list(every) == ["bert", "opt", "vit"]
    assert list(style.model_styles(labelled, ["aaa"]))[-1] == "aaa"


def test_models_differ_in_colour_and_in_marker() -> None:
    styles = style.model_styles([], "abcdefg").values()
    assert len({s.colour for s in styles}) == len({s.marker for s in styles}) == 7


def test_the_users_own_settings_do_not_count_and_come_back() -> None:
    with matplotlib.rc_context({"font.size": 30, "axes.grid": True}):
        with style.use_style():
            assert matplotlib.rcParams["font.size"] == style.TEXT_SIZE >= 7
            assert not matplotlib.rcParams["axes.grid"]
            assert matplotlib.rcParams["pdf.fonttype"] == 42
        assert matplotlib.rcParams["font.size"] == 30


@pytest.mark.parametrize(("share", "text"), [(0.0, "0"), (0.3, "30"), (0.125, "12.5")])
def test_percent_axis_counts_in_percent(share: float, text: str) -> None:
    axes = Figure().add_subplot()
    style.percent_axis(axes.xaxis)
    assert axes.xaxis.get_major_formatter()(share, 0) == text


def test_wrapped_text_fits_and_keeps_its_words() -> None:
    text = "Recognising textual entailment (dense\N{NO-BREAK SPACE}66.4\N{NO-BREAK SPACE}%)"
    wrapped = wrap_text(text, 1.2, 8)
    assert wrapped.replace("\n", " ") == text
    lines = wrapped.split("\n")
    assert len(lines) > 1
    assert max(text_width(line, 8) for line in lines) <= 1.2


def test_a_word_wider_than_the_line_is_cut() -> None:
    word = wrap_text("a" * 200, 1.0, 8)
    assert word.endswith("…")
    assert text_width(word, 8) <= 1.0
