"""Kinds of examples, a module each with one `Kind`: what runs on them need. Imported by name."""


def module_of(kind: str) -> str:
    """Return the module of a kind of examples, to be imported only where it is run."""
    return f"{__name__}.{kind.replace('-', '_')}"
