"""The lock file `models.lock`: what hubs served first, so that they must serve it for ever after.

A catalog entry says which repository, and at which revision. Where it cannot say which bytes, the
first download writes down the commit and the SHA-256 of every file; later ones, on any machine,
fetch that commit and are held against it. The file lies beside the study and belongs to it.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import Field

from essential_sparsity.checkpoints.spec import Commit, Sha256
from essential_sparsity.errors import UserError
from essential_sparsity.files import read_json, write_text
from essential_sparsity.spec import Spec

Kind = Literal["models", "datasets"]


class Pin(Spec):
    """What a hub served for one repository and revision."""

    revision: Commit = Field(description="the commit that the hub resolved it to")
    files: dict[str, Sha256] = Field(description="SHA-256 by name inside the repository")
    splits: dict[str, list[str]] = Field(
        default={}, description="of a data set: configuration/split → its files"
    )


class _Document(Spec):
    format_version: Literal[1] = 1
    models: dict[str, Pin] = Field(default={})
    datasets: dict[str, Pin] = Field(default={})


class Pins:
    """A lock file, read anew for every question: other jobs write to it as well."""

    def __init__(self, path: Path) -> None:
        """Take the file's path; there need not be one yet."""
        self.path = path

    def find(self, kind: Kind, repository: str, revision: str) -> Pin | None:
        """Return what was recorded, None if nothing was.

        Raises:
            UserError: the file is damaged, or another version's.
        """
        found: dict[str, Pin] = getattr(self._read(), kind)
        return found.get(_key(repository, revision))

    def hold(
        self,
        kind: Kind,
        repository: str,
        revision: str,
        commit: str,
        files: Mapping[str, str],
        splits: Mapping[str, list[str]] | None = None,
    ) -> None:
        """Check what was served against the record; record what is not there yet.

        Args:
            kind: of repository.
            repository: its name.
            revision: as the catalog entry has it: a commit, branch or tag.
            commit: what the hub resolved that to.
            files: SHA-256 by name, of files that are here, whole.
            splits: of a data set: configuration/split → its files.

        Raises:
            UserError: something else was served before; the file is damaged.
        """
        key = _key(repository, revision)
        with self._alone():
            document = self._read()
            pins: dict[str, Pin] = dict(getattr(document, kind))
            known = pins.get(key) or Pin(revision=commit, files={})
            self._check(f"{kind}.{key}", known, commit, files)
            pin = Pin(
                revision=commit,
                files=dict(sorted({**known.files, **files}.items())),
                splits=dict(sorted({**known.splits, **(splits or {})}.items())),
            )
            if pins.get(key) == pin:
                return
            pins[key] = pin
            changed = document.model_copy(update={kind: dict(sorted(pins.items()))})
            text = json.dumps(changed.model_dump(mode="json"), indent=2, ensure_ascii=False)
            write_text(self.path, text + "\n")

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
        document = read_json(self.path, "lock file")
        return _Document.check(document, str(self.path))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other jobs from writing; the lock is on the folder, so that no file is left over."""
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)


def _key(repository: str, revision: str) -> str:
    return f"{repository}@{revision}"
