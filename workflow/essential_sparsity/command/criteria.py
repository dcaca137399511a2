"""Criteria on the command line: their options follow from the fields of their specs."""

import argparse
import contextlib
import re
from itertools import product
from pathlib import Path
from typing import Any

from essential_sparsity.command.output import mask_file
from essential_sparsity.masks.criterion import Criterion, Inputs, Ranking
from essential_sparsity.masks.mask import load_header
from essential_sparsity.masks.registry import check_mask, known_criteria
from essential_sparsity.masks.trained import Trained
from essential_sparsity.support.errors import UserError

_COMMON = {"criterion", *Ranking.model_fields}
_WHERE = "mask compute"


def add_criterion(parser: argparse.ArgumentParser) -> None:
    """Add the criterion, how much goes where, and every option that a criterion has."""
    names = ", ".join(name for name in known_criteria() if name not in _elsewhere())
    parser.add_argument("--criterion", default="magnitude", help=f"one of: {names}")
    fields = Ranking.model_fields
    parser.add_argument("--scope", help=f"{fields['scope'].description}; global if not given")
    parser.add_argument("--sparsity", nargs="+", default=[], metavar="S", help="from 0 to below 1")
    parser.add_argument(
        "--pattern", nargs="+", default=[], metavar="N:M", help=fields["pattern"].description
    )
    parser.add_argument(
        "--like", type=Path, metavar="MASK", help="scope matched: the mask's file to match"
    )
    group = parser.add_argument_group(
        "options of single criteria", "Where several values are given, each makes masks of its own."
    )
    for name, (help_, criteria) in _options().items():
        flag = f"--{name.replace('_', '-')}"
        help_ = f"{help_} ({', '.join(criteria)})".replace("%", "%%")
        with contextlib.suppress(argparse.ArgumentError):  # a flag of all criteria has that name
            group.add_argument(flag, nargs="+", dest=f"option_{name}", metavar="VALUE", help=help_)
    group.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any key of the criterion, also one that has no flag of its own",
    )


def read_masks(arguments: argparse.Namespace) -> list[Criterion]:
    """Return the specs of the masks that the command line asks for."""
    if where := _elsewhere().get(arguments.criterion):
        raise UserError(f"{_WHERE}: criterion '{arguments.criterion}' is {where}")
    fixed: dict[str, Any] = {"criterion": arguments.criterion}
    if arguments.scope:
        fixed["scope"] = arguments.scope
    if arguments.like:
        if arguments.sparsity or arguments.pattern:
            raise UserError(f"{_WHERE}: --like: the mask to match says how much goes, not a number")
        fixed["like"] = _name_of(arguments.like)
    amounts = [{"sparsity": text} for text in arguments.sparsity]
    amounts += [{"pattern": text} for text in arguments.pattern]
    options = _given(arguments)
    specs = []
    for values in product(*options.values()):
        for amount in amounts or [{}]:
            document = fixed | dict(zip(options, values, strict=True)) | amount
            is_dense = _is_zero(amount.get("sparsity"))
            specs.append(_check({"criterion": "dense"} if is_dense else document))
    return specs


def find_inputs(spec: Criterion, like: Path | None) -> Inputs:
    """Return the files that the mask is made from besides the checkpoint."""
    files = {role: Path(path) for role, path in spec.files().items()}
    for role, path in files.items():
        if not path.is_file():
            raise UserError(f"{_WHERE}: {role}: {path}: no such file")
    return Inputs(masks={_name_of(like): mask_file(like)} if like else {}, files=files)


def _elsewhere() -> dict[str, str]:
    """Return the criteria that are not made here, and where they are."""
    trained = (name for name, kind in known_criteria().items() if issubclass(kind, Trained))
    return {"imported": "a subcommand of its own: mask import"} | dict.fromkeys(
        trained, "found by training: name it in a study, under 'masks'"
    )


def _check(document: dict[str, Any]) -> Criterion:
    try:
        return check_mask(document, _WHERE)
    except UserError as error:
        # The document as a whole is not what the user wrote.
        raise UserError(re.sub(r", got \{.*\}$", "", str(error))) from None


def _options() -> dict[str, tuple[str, list[str]]]:
    """Return each option of the criteria, what it is, and the criteria that have it."""
    found: dict[str, tuple[str, list[str]]] = {}
    for criterion, kind in known_criteria().items():
        for name, field in kind.model_fields.items():
            if criterion not in _elsewhere() and name not in _COMMON:
                found.setdefault(name, (field.description or "", []))[1].append(criterion)
    return found


def _given(arguments: argparse.Namespace) -> dict[str, list[str]]:
    """Return the options on the command line, each with its values."""
    values = {name: getattr(arguments, f"option_{name}", None) for name in _options()}
    given = {name: texts for name, texts in values.items() if texts}
    for text in arguments.option:
        name, sign, value = text.partition("=")
        if not sign:
            raise UserError(f"{_WHERE}: --option: '{text}' is not KEY=VALUE")
        given.setdefault(name, []).append(value)
    return given


def _is_zero(text: str | None) -> bool:
    try:
        return text is not None and float(text) == 0
    except ValueError:
        return False


def _name_of(mask: Path) -> str:
    return load_header(mask_file(mask)).name or mask.stem
