"""Progress of several passes: a bar for each, full at its end."""

import pytest

from essential_sparsity.support import progress


def test_each_pass_has_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_WORTH_SHOWING", 1)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress.weights_bar("masks", 100, passes=True) as advance:
        assert advance
        for _ in range(5):
            advance(50)
    shown = capsys.readouterr().err
    for number in (1, 2, 3):
        assert f"masks, pass {number}: " in shown
    assert "pass 4" not in shown


def test_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.weights_bar("masks", 10**9, passes=True) as advance:
        assert advance is None
    assert capsys.readouterr().err == ""
