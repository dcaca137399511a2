"""The documentation's example of the estimators without files, as it is printed."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_example_of_the_docs_runs_and_finds_the_turn(tmp_path: Path) -> None:
    page = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")
    (code,) = [c for c in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "rng" in c]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    first, *_, last = done.stdout.splitlines()
    # The drop is 0 at 50 % and 4 points at 60 %.
    assert re.fullmatch(r"1 point +0\.52\d \[0\.51\d, 0\.5[23]\d\]  certified 0\.5", first)
    assert last.startswith("sharp [")
