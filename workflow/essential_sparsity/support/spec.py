"""Specs: everything that a job depends on, as typed, immutable data with one canonical text.

A spec leaves out every field that is at its default, so that a new field with a default changes no
text and keeps every artifact made before it valid. Names and hashes derive from that text alone.
"""

import hashlib
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from essential_sparsity.support.errors import UserError
from essential_sparsity.support.validation import explain

# A name becomes a folder: nothing that could leave it, and no separator of the mask grammar's own.
NAME_PATTERN = r"^[a-z0-9][a-z0-9._]*(-[a-z0-9._]+)*$"


def _check_name(value: str) -> str:
    if not is_name(value):
        raise ValueError(
            f"a name has lower-case letters, digits, dots and single hyphens, and begins with a "
            f"letter or digit; '{value}' does not"
        )
    return value


Name = Annotated[str, AfterValidator(_check_name)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]


def _check_sparsity(value: float) -> float:
    if not 0 <= value < 1:
        raise ValueError(f"a sparsity lies in [0, 1), {value} does not")
    if Decimal(repr(value)) != round(Decimal(repr(value)), 6):
        raise ValueError(f"a sparsity has at most six decimals, {value} has more")
    return value


Sparsity = Annotated[float, AfterValidator(_check_sparsity)]


def format_sparsity(value: float) -> str:
    """Return the sparsity's one text in paths: two decimals, more only where it has more.

    >>> format_sparsity(0.5), format_sparsity(0.215)
    ('0.50', '0.215')
    """
    short = f"{value:.2f}"
    return short if float(short) == value else f"{value:.6f}".rstrip("0")


# Sparsities are equal below this: a third may be given as 0.3333.
_TOLERANCE = 5e-4


def equal_sparsities(one: float | None, other: float | None) -> bool:
    """Tell whether two sparsities are the same one, to the accuracy that people write them with."""
    return one is not None and other is not None and abs(one - other) < _TOLERANCE


class Spec(BaseModel):
    """Base of every spec: frozen, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    def document(self) -> dict[str, Any]:
        """Return the spec as plain data without the fields that are at their default."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def canonical(self) -> str:
        """Return the canonical JSON: keys sorted, no spaces, defaults left out."""
        return canonical_json(self.document())

    def digest(self) -> str:
        """Return the first eight hexadecimal digits of the canonical text's SHA-256."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:8]

    @classmethod
    def read(cls, text: str) -> Self:
        """Parse the canonical (or any) JSON of a spec, or the path of a file that holds it."""
        return cls.check(*read_document(text))

    @classmethod
    def check(cls, document: object, where: str) -> Self:
        """Validate plain data; `where` names the file in the error, a `UserError`."""
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise UserError(explain(error, cls, where)) from None


def read_document(text: str) -> tuple[object, str]:
    """Parse JSON, or the path of a file that holds it; return the data and where they come from."""
    where = "--spec"
    try:
        if not text.lstrip().startswith("{"):
            where, text = text, Path(text).read_text(encoding="utf-8")
        return json.loads(text), where
    except json.JSONDecodeError as error:
        raise UserError(f"{where}: not JSON: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--spec: {text} cannot be read: {error}") from None


def canonical_json(document: object) -> str:
    """Return JSON with sorted keys and no spaces."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def is_name(text: str) -> bool:
    """Tell whether `text` may name a model, task, study or experiment."""
    return re.fullmatch(NAME_PATTERN, text) is not None and len(text) <= 64
