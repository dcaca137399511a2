"""Tokens, passwords and home folders, taken out of what is printed, recorded or shared."""

import contextlib
import os
import re
from pathlib import Path
from typing import Any

_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_SHORTEST = 8  # characters: a shorter text is no token, and would be found in many words
_TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{4,}")
_HEADER = re.compile(r"(?i)\b(bearer|basic) +[^\s'\"]{8,}")
# Up to the last @ before the path: a password may hold one.
_IN_ADDRESS = re.compile(r"(?<=://)[^/?#\s]*@")
_HOMES = re.compile(r"/(?:home|Users)/[^/\s\"'<>]+")


def without_credentials(text: str) -> str:
    """Return `text` without the hub's tokens, and without names and passwords in addresses."""
    for secret in _secrets():
        text = text.replace(secret, "…")
    text = _TOKEN.sub("hf_…", _HEADER.sub(r"\1 …", text))
    return _IN_ADDRESS.sub("", text)


def _secrets() -> list[str]:
    """Return the tokens of this environment, and the one that a login has stored."""
    found = [os.environ.get(name, "") for name in _VARIABLES]
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface"))
    file = Path(os.environ.get("HF_TOKEN_PATH", home / "token"))
    with contextlib.suppress(OSError, UnicodeDecodeError, RuntimeError):
        found.append(file.expanduser().read_text(encoding="utf-8"))
    return [secret for text in found if len(secret := text.strip()) >= _SHORTEST]


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
