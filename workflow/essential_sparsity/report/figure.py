"""A figure of the report: the picture itself, its caption, and the files behind it."""

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from docutils.core import publish_parts
from markupsafe import Markup

from essential_sparsity.figures.kind import FigureKind
from essential_sparsity.stages import paths
from essential_sparsity.support.errors import UserError

_PNG = b"\x89PNG\r\n\x1a\n"
# Pictures have 300 pixels an inch (`drawing.style`); a screen shows them larger than print.
_SHOWN = 0.4
# From this on a picture is too wide for a phone, and scrolls in its own box.
_WIDE = 1200

_STRICT = {
    "raw_enabled": False,
    "file_insertion_enabled": False,
    "report_level": 5,
    "_disable_config": True,
}


@dataclass(frozen=True)
class Link:
    """A file beside the report."""

    text: str
    target: str


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes:
        title: what it shows, in a line.
        source: the picture as a `data:` address.
        width, height: in pixels of a screen.
        wide: whether a phone would show it too small.
        caption: paragraphs in HTML.
        data: the tables behind it, and the data as drawn.
    """

    title: str
    source: Markup
    width: int
    height: int
    wide: bool
    caption: Markup
    data: tuple[Link, ...]


def load_figure(folder: Path, name: str, kind: FigureKind, tables: Sequence[str]) -> Figure | None:
    """Load a figure; None if the picture is not there.

    Args:
        folder: of the study, to which links are relative.
        name: of the figure's files.
        kind: of figure.
        tables: paths of the tables behind it, from `folder`; those that are there are linked.

    Raises:
        UserError: the picture is no PNG, or there is no caption.
    """
    picture = folder / _file(name, "png")
    if not picture.exists():
        return None
    content = picture.read_bytes()
    if content[:8] != _PNG or len(content) < 24:
        raise UserError(f"{picture}: not a PNG; delete it and run the study again")
    width, height = struct.unpack(">II", content[16:24])
    links = [
        *(Link(table, table) for table in tables),
        Link("as drawn", _file(name, "parquet")),
        Link("PDF", _file(name, "pdf")),
    ]
    return Figure(
        title=kind.title,
        source=Markup(f"data:image/png;base64,{base64.b64encode(content).decode()}"),
        width=round(width * _SHOWN),
        height=round(height * _SHOWN),
        wide=width > _WIDE,
        caption=load_caption(kind.caption),
        data=tuple(link for link in links if (folder / link.target).exists()),
    )


def load_caption(path: Path) -> Markup:
    """Return a caption as HTML; Snakemake's own report reads the same file.

    Raises:
        UserError: it is not there.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; a caption was expected there") from None
    body = publish_parts(text, writer="html5", settings_overrides=_STRICT)["body"]
    return Markup(body)


def _file(name: str, end: str) -> str:
    """Return the path of a figure's file from the study's folder."""
    return paths.FIGURE.removeprefix(f"{paths.STUDY}/").format(experiment=name, format=end)
