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
    place = ": ".join(filter(None, (where, key)))
    return f"{place}: unknown {what} '{value}'{near_miss(value, names)} (known: {listed})"


def explain(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """Return one line for the finding of `error` that says most."""
    findings = error.errors(include_url=False)
    # Of a union's branches, pydantic reports each one's findings: the deepest is the branch meant.
    # A misspelt key is missing as well: the misspelling says more.
    finding = max(
        findings, key=lambda found: (len(found["loc"]), found["type"] == "extra_forbidden")
    )
    kind = finding["type"]
    key, holders = _locate(model, finding["loc"], kind)
    where = ": ".join(filter(None, (where, key)))
    if kind == "extra_forbidden":
        fields = sorted({name for found in holders for name in found.model_fields})
        name = finding["loc"][-1]
        allowed = ", ".join(fields) if fields else "none"
        line = f"{where}: unknown key{near_miss(name, fields)} (allowed here: {allowed})"
    elif kind == "union_tag_invalid":
        tagged = finding["ctx"]["discriminator"].strip("'")
        allowed = finding["ctx"]["expected_tags"].replace("'", "").split(", ")
        tag = finding["ctx"]["tag"]
        line = (
            f"{where}.{tagged}: unknown {tagged} '{tag}'{near_miss(tag, allowed)} "
            f"(known: {', '.join(allowed)})"
        )
    elif kind == "union_tag_not_found":
        tagged = finding["ctx"]["discriminator"].strip("'")
        line = f"{where}.{tagged}: this key is required"
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
            listed = str(expected).replace("'", "").replace(" or ", ", ")
            line += near_miss(finding["input"], listed.split(", "))
    # Not how many more there are: one misspelt key makes several findings.
    return line


def _locate(
    model: type[BaseModel], location: tuple[int | str, ...], kind: str
) -> tuple[str, set[type[BaseModel]]]:
    """Return a location as a reader of the file would write it: without the names of branches.

    And the models that may stand there; of a union, the one meant.
    """
    text = ""
    holders = here = {model}
    for position, part in enumerate(location):
        holders = here
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        is_branch = any(_is_tagged(m, part) and part not in m.model_fields for m in here)
        is_unknown = kind == "extra_forbidden" and position + 1 == len(location)
        text += f".{part}" if is_unknown or not is_branch else ""
        annotations = [m.model_fields[part].annotation for m in here if part in m.model_fields]
        below = {inner for annotation in annotations for inner in _models_in(annotation)}
        # Parts that are no field are the tag of a union's branch.
        here = below or {m for m in here if _is_tagged(m, part)} or here
    return text.lstrip("."), holders


def _is_tagged(model: type[BaseModel], tag: str) -> bool:
    """Tell whether one of the model's fields can only have the value `tag`."""
    return model.__name__ == tag or any(
        get_args(field.annotation) == (tag,) for field in model.model_fields.values()
    )


def _models_in(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {model for argument in get_args(annotation) for model in _models_in(argument)}
