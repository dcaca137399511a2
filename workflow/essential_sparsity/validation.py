"""Turns pydantic's findings into one line: file, key, bad value, what is allowed, near misses."""

import difflib
from collections.abc import Iterable
from typing import Any, get_args

from pydantic import BaseModel, ValidationError


def near_miss(value: object, allowed: Iterable[str]) -> str:
    """Return `"; did you mean 'x'?"` for a near miss, else an empty text."""
    close = difflib.get_close_matches(str(value), list(allowed), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""


def unknown(where: str, key: str, value: object, allowed: Iterable[str], what: str) -> str:
    """Return the line for a name that is none of `allowed`."""
    names = sorted(allowed)
    listed = ", ".join(names) if names else "none"
    return f"{where}: {key}: unknown {what} '{value}'{near_miss(value, names)} (known: {listed})"


def explain(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """Return one line for the finding of `error` that says most."""
    findings = error.errors(include_url=False)
    # Of a union's branches, pydantic reports each one's findings: the deepest is the branch meant.
    # A misspelt key is missing as well: the misspelling says more.
    finding = max(
        findings, key=lambda found: (len(found["loc"]), found["type"] == "extra_forbidden")
    )
    where = ": ".join(filter(None, (where, _key(finding["loc"]))))
    kind = finding["type"]
    if kind == "extra_forbidden":
        fields = _fields_at(model, finding["loc"][:-1])
        name = finding["loc"][-1]
        allowed = ", ".join(fields) if fields else "none"
        line = f"{where}: unknown key{near_miss(name, fields)} (allowed here: {allowed})"
    elif kind == "missing":
        line = f"{where}: this key is required"
    else:
        message = finding["msg"].removeprefix("Value error, ")
        # A study file has lists; that they become tuples is no news to its author.
        message = message.replace("Tuple", "List", 1).replace("tuple", "list", 1)
        line = f"{where}: {message[:1].lower()}{message[1:]}"
        value = repr(finding["input"])
        if len(value) <= 80 and value not in message:
            line += f", got {value}"
        expected = finding.get("ctx", {}).get("expected")
        if expected is not None and isinstance(finding["input"], str):
            line += near_miss(finding["input"], str(expected).replace("'", "").split(" or "))
    # Not how many more there are: one misspelt key makes several findings.
    return line


def _key(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the field names that are allowed at `location` below `model`."""
    here: set[type[BaseModel]] = {model}
    for part in location:
        if isinstance(part, int):
            continue
        below: set[type[BaseModel]] = set()
        for candidate in here:
            if part in candidate.model_fields:
                below |= _models_in(candidate.model_fields[part].annotation)
        # Parts that are no field are the tag of a union's branch: stay where we are.
        here = below or {m for m in here if m.__name__ == part} or here
    return sorted({name for candidate in here for name in candidate.model_fields})


def _models_in(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {model for argument in get_args(annotation) for model in _models_in(argument)}
