"""Which criteria a bundle's reader has anyway."""

import re

from essential_sparsity.bundle.contents import SHIPPED
from project import ROOT


def test_what_is_shipped_is_what_the_reference_lists() -> None:
    """Criteria of this version are in its docs; one that somebody adds for themselves is not."""
    reference = (ROOT / "docs" / "configuration.md").read_text()
    listed = re.findall(r"^\| `criterion` \| `([^`]+)` \| required", reference, re.MULTILINE)
    assert set(listed) == SHIPPED
