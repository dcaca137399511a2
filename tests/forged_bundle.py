"""Bundles written by hand, member by member: what `make bundle` would never write."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import yaml

from essential_sparsity.bundle.archive import MANIFEST
from project import tiny_study

STUDY = yaml.safe_dump({**tiny_study(), "study": "s"})


def forge(path: Path, *members: tuple[tarfile.TarInfo, bytes], **changes: object) -> Path:
    """Write a bundle by hand, of these members and a manifest of the regular ones."""
    study = f"project/{changes.get('study_file', 's.yaml')}"
    if not any(member.name == study for member, _ in members):
        members = (*members, (tarfile.TarInfo(study), STUDY.encode()))
    files = {m.name: hashlib.sha256(content).hexdigest() for m, content in members}
    manifest = {"format_version": 1, "study": "s", "study_file": "s.yaml", "files": files}
    text = json.dumps({**manifest, **changes}).encode()
    with tarfile.open(path, "w:gz") as archive:
        for member, content in ((tarfile.TarInfo(MANIFEST), text), *members):
            member.size = len(content) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(content))
    return path
