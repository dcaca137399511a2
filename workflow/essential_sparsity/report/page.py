"""From what the page shows to one HTML file that needs no other."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from essential_sparsity.report.content import Content
from essential_sparsity.support.credentials import redact

_FOLDER = Path(__file__).parent / "page"


def render(content: Content) -> str:
    """Return the page.

    Every text is escaped, and redacted, on its way in. The page's policy lets it load nothing and
    run no script but its own, whatever a text may hold.
    """
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    style, script = (_read(name) for name in ("page.css", "page.js"))
    return environment.get_template("page.html").render(
        content=content,
        spec=content.spec,
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _finalize(value: Any) -> Any:
    return value if isinstance(value, Markup) or not isinstance(value, str) else redact(value)


def _hash(text: str) -> Markup:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Markup(f"'sha256-{digest}'")
