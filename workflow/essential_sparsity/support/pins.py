"""The lock file `models.lock`: the files that hubs served first, and must serve ever after.

A catalog entry says which repository, and at which revision. Where it cannot say which bytes, the
first download writes down the commit and the SHA-256 of every file; later ones, on any machine,
fetch that commit and are held against it. The file lies beside the study and belongs to it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from filelock import FileLock
from pydantic import Field

from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import read_json, write_text
from essential_sparsity.support.spec import Commit, Sha256, Spec

FORMAT_VERSION = 1

Kind = Literal["models", "datasets"]


class Pin(Spec):
    """The files that a hub served for one repository and revision."""

    revision: Commit = Field(description="the commit that the hub resolved it to")
    files: dict[str, Sha256] = Field(description="SHA-256 by name inside the repository")
    splits: dict[str, list[str]] = Field(
        default={}, description="of a data set: configuration/split → its files"
    )


class _Document(Spec):
    format_version: int = FORMAT_VERSION
    models: dict[str, Pin] = Field(default={})
    datasets: dict[str, Pin] = Field(default={})


class Pins:
    """A lock file, read anew for every question: other jobs write to it as well."""

    def __init__(self, path: Path) -> None:
        """Take the file's path; there need not be one yet."""
        self.path = path

    def find(self, kind: Kind, repository: str, revision: str) -> Pin | None:
        """Return what was recorded, None if nothing was."""
        found: dict[str, Pin] = getattr(self._read(), kind)
        return found.get(_key(repository, revision))

    def pin(
        self,
        kind: Kind,
        repository: str,
        revision: str,
        commit: str,
        files: Mapping[str, str],
        splits: Mapping[str, list[str]] | None = None,
    ) -> None:
        """Check what was served against the record; record what is not there yet.

        `revision` is as the catalog entry has it: a commit, branch or tag; `commit` what the hub
        resolved that to. The `files`, SHA-256 by name, are here, whole.
        """
        pin = Pin(revision=commit, files=dict(files), splits=dict(splits or {}))
        key = _key(repository, revision)
        if self._with(kind, key, pin) is None:
            return  # all known: a lock file that may only be read will do
        try:
            # A file of its own beside this one, which is replaced; and a file, because a shared
            # file system (NFS) has no exclusive locks on folders.
            with FileLock(self.path.with_name(f".{self.path.name}.guard")):
                if document := self._with(kind, key, pin):
                    # Sorted, a value a line, so that its changes are easy to read.
                    kinds = {"models": {}, "datasets": {}, **document.document()}
                    content = {"format_version": FORMAT_VERSION, **kinds}
                    text = json.dumps(content, indent=2, ensure_ascii=False)
                    write_text(self.path, f"{text}\n")
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be written: {error.strerror or error}; it must record what "
                f"was served for {kind}.{key}: let its folder be written to"
            ) from None

    def _with(self, kind: Kind, key: str, pin: Pin) -> _Document | None:
        """Return the document with what was served added, None if it has all of it."""
        document = self._read()
        pins: dict[str, Pin] = dict(getattr(document, kind))
        known = pins.get(key) or Pin(revision=pin.revision, files={})
        self._check(f"{kind}.{key}", known, pin.revision, pin.files)
        pins[key] = Pin(
            revision=pin.revision,
            files=dict(sorted({**known.files, **pin.files}.items())),
            splits=dict(sorted({**known.splits, **pin.splits}.items())),
        )
        changed = document.model_copy(update={kind: dict(sorted(pins.items()))})
        return changed if changed != document else None

    def _check(self, key: str, known: Pin, commit: str, files: Mapping[str, str]) -> None:
        remedy = (
            "if the change is wanted, delete this entry of the lock file and what was made from it"
        )
        if known.revision != commit:
            raise UserError(
                f"{self.path}: {key}: revision: {known.revision} was served first, now it is "
                f"{commit}; {remedy}"
            )
        for name, digest in files.items():
            if known.files.get(name, digest) != digest:
                raise UserError(
                    f"{self.path}: {key}: {name}: sha256 {known.files[name]} was served first, "
                    f"now it is {digest}; {remedy}"
                )

    def _read(self) -> _Document:
        if not self.path.exists():
            return _Document()
        try:
            document = read_json(self.path, "lock file")
            version = document.get("format_version")
            if version != FORMAT_VERSION:
                raise UserError(
                    f"{self.path}: format_version: {version!r} is not {FORMAT_VERSION}, the version"
                    " that this program reads"
                )
            return _Document.check(document, str(self.path))
        except UserError as error:
            raise UserError(
                f"{error}; restore the file, or delete it to record anew what hubs serve"
            ) from None


def _key(repository: str, revision: str) -> str:
    return f"{repository}@{revision}"
