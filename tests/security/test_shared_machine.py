"""Other users of the same machine: what they can put in a shared folder, and what they can read."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from essential_sparsity.support import gpus
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import atomic_folder, write_text


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files in which everybody may write, and no better one."""
    tmp_path.chmod(0o1777)
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(gpus.os, "access", lambda *_: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-one")
    yield tmp_path


def refused(shared: Path) -> None:
    with pytest.raises(UserError, match=r"must be a folder that you own and only you can write to"):
        gpus.reserve()


def own(shared: Path) -> Path:
    return shared / f"essential-sparsity-{os.getuid()}"


def test_locks_lie_in_a_folder_of_ones_own(shared: Path) -> None:
    try:
        assert gpus.reserve() == ["GPU-one"]
    finally:
        while gpus._held:
            gpus._held.pop().close()
    assert stat.S_IMODE(own(shared).stat().st_mode) == 0o700


def test_a_link_in_its_place_is_not_followed(shared: Path) -> None:
    (shared / "victim").mkdir()
    own(shared).symlink_to(shared / "victim")
    refused(shared)
    assert list((shared / "victim").iterdir()) == []


def test_a_file_in_its_place_is_named(shared: Path) -> None:
    own(shared).touch()
    refused(shared)


def test_a_folder_that_others_may_write_to_is_refused(shared: Path) -> None:
    own(shared).mkdir()
    own(shared).chmod(0o777)
    refused(shared)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to give a folder away")
def test_a_folder_of_somebody_else_is_refused(shared: Path) -> None:
    own(shared).mkdir(mode=0o700)
    os.chown(own(shared), 65534, 65534)
    refused(shared)


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_results_are_as_private_as_their_owner_wants(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        with atomic_folder(tmp_path / "folder") as folder:
            write_text(folder / "file", "x")
    finally:
        os.umask(before)
    for path, most in ((tmp_path / "folder", 0o777), (tmp_path / "folder/file", 0o666)):
        assert stat.S_IMODE(path.stat().st_mode) == most & ~umask
