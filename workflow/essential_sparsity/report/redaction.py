"""What must not leave this machine in a page that people share: home folders and credentials."""

import os
import re
from pathlib import Path
from typing import Any

_HOMES = re.compile(r"/(?:home|Users)/[^/\s\"'<>]+")
_TOKENS = re.compile(r"\bhf_[A-Za-z0-9]{4,}")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


def redact(text: str) -> str:
    """Return the text with home folders as `~`, and without tokens and passwords of addresses."""
    for name in _SECRETS:
        if secret := os.environ.get(name):
            text = text.replace(secret, "…")
    home = str(Path.home())
    if len(home) > 1:
        text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
    text = _HOMES.sub("~", text)
    return _CREDENTIALS.sub("", _TOKENS.sub("hf_…", text))


def redact_document(value: Any) -> Any:
    """Return plain data with every text in it redacted, keys too."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(key): redact_document(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_document(item) for item in value]
    return value
