"""What must not leave this machine in a page that people share: home folders and credentials."""

import re
from pathlib import Path
from typing import Any

from essential_sparsity.support.credentials import without_credentials

_HOMES = re.compile(r"/(?:home|Users)/[^/\s\"'<>]+")


def redact(text: str) -> str:
    """Return the text with home folders as `~`, and without tokens and passwords of addresses."""
    text = without_credentials(text)
    home = str(Path.home())
    if len(home) > 1:
        text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
    return _HOMES.sub("~", text)


def redact_document(value: Any) -> Any:
    """Return plain data with every text in it redacted, keys too."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(key): redact_document(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_document(item) for item in value]
    return value
