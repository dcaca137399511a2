"""The table of essential sparsities where a search was at another ε than its study's."""

from essential_sparsity.report.essential import essential_table
from essential_sparsity.report.table import Table

from .conftest import spec
from .written_study import essential_rows


def _table(epsilon: float) -> Table:
    curves = [row for row in essential_rows() if row["main"]]
    searched = [{**row, "epsilon": epsilon} for row in curves]
    return essential_table({"drop": curves, "search": searched}, {}, spec())


def test_rows_say_their_drop_where_it_is_not_that_of_all() -> None:
    table = _table(5.0)
    assert table.caption == "Essential sparsity: the largest that costs at most ε"
    at = [column.heading for column in table.columns].index("ε, points")
    assert [row[at].text for row in table.rows] == ["1"] * 3 + ["5"] * 3


def test_else_the_caption_says_it() -> None:
    table = _table(1.0)
    assert table.caption == "Essential sparsity: the largest that costs at most 1 point (ε)"
    assert "ε, points" not in [column.heading for column in table.columns]
