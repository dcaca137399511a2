"""`docs/security.md`: each hostile input that it speaks of has the test that it names."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "security.md"


def test_every_row_names_tests_that_are_there() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:2] == "| "][1:]
    assert len(rows) > 20
    for row in rows:
        named = re.findall(r"`([\w/]+\.py): (test_\w+)`", row.rsplit("|", 2)[1])
        assert named, row
        for file, test in named:
            assert f"def {test}(" in (TESTS / file).read_text(encoding="utf-8"), (file, test)
    named_files = set(re.findall(r"`security/([\w]+\.py):", PAGE.read_text(encoding="utf-8")))
    hostile = {path.name for path in (TESTS / "security").glob("test_*.py")}
    assert hostile - named_files == {"test_audit.py", "test_page.py"}
