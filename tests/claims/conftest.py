"""A study's folder to write tables to."""

from pathlib import Path

import pytest

from claims_tables import Tables


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return Tables(tmp_path)
