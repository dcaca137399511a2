"""A bundle is whole or refused, and nothing in it can lead out of its places."""

import os
import tarfile
from pathlib import Path

import pytest

from essential_sparsity.bundle.archive import unpack_bundle, write_bundle
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import sha256_of
from forged_bundle import STUDY, forge

NAMES = ("results/studies/s/drop/drop.parquet", "project/studies/s.yaml")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    files = {}
    for name in NAMES:
        files[name] = tmp_path / "mine" / name
        files[name].parent.mkdir(parents=True)
        files[name].write_text(STUDY if name.endswith(".yaml") else f"this is {name}")
    write_bundle(tmp_path / "s.tar.gz", "s", "studies/s.yaml", files)
    return tmp_path / "s.tar.gz"


def unpack(bundle: Path, tmp_path: Path) -> Path:
    unpack_bundle(bundle, tmp_path / "clone", tmp_path / "clone" / "results")
    return tmp_path / "clone"


def test_what_is_packed_comes_out_in_place(bundle: Path, tmp_path: Path) -> None:
    clone = unpack(bundle, tmp_path)
    assert (clone / "results/studies/s/drop/drop.parquet").read_text() == f"this is {NAMES[0]}"
    assert (clone / "studies/s.yaml").read_text() == STUDY
    assert sorted(p.name for p in clone.iterdir()) == ["results", "studies"]
    # Once more is no change; another file in the way is kept.
    unpack(bundle, tmp_path)
    (clone / "studies/s.yaml").write_text("mine")
    with pytest.raises(UserError, match=r"s\.yaml: another file than .* would put there"):
        unpack(bundle, tmp_path)
    assert (clone / "studies/s.yaml").read_text() == "mine"


def test_equal_contents_are_equal_bytes(bundle: Path, tmp_path: Path) -> None:
    files = {name: tmp_path / "mine" / name for name in reversed(NAMES)}
    for file in files.values():
        os.utime(file, (1, 1))
    write_bundle(tmp_path / "again.tar.gz", "s", "studies/s.yaml", files)
    assert sha256_of(tmp_path / "again.tar.gz") == sha256_of(bundle)


def test_a_damaged_bundle_leaves_nothing(bundle: Path, tmp_path: Path) -> None:
    whole = bundle.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:60] + b"?" + whole[61:], b"", b"text"):
        bundle.write_bytes(damaged)
        with pytest.raises(UserError, match=r"s\.tar\.gz: "):
            unpack(bundle, tmp_path)
        assert not any((tmp_path / "clone").iterdir())
    with pytest.raises(UserError, match="no such file; a bundle was expected there"):
        unpack(tmp_path / "none.tar.gz", tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "../outside.yaml",
        "/etc/outside.yaml",
        "results/../../outside",
        "project/../outside.yaml",
        "project/workflow/essential_sparsity/support/spec.py",
        "project/Makefile",
        "project/.git/hooks/pre-commit.yaml",
        "results/.snakemake/metadata",
        "results",
        "elsewhere/file",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    hostile = forge(tmp_path / "h.tar.gz", (tarfile.TarInfo(name), b"evil"))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match="no place for a file of a bundle"):
        unpack(hostile, tmp_path)
    (tmp_path / "clone").rmdir()
    assert sorted(tmp_path.rglob("*")) == before


def test_links_are_refused_in_the_bundle_and_followed_nowhere(tmp_path: Path) -> None:
    link = tarfile.TarInfo("results/studies")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"
    with pytest.raises(UserError, match="'results/studies': a link or device"):
        unpack(forge(tmp_path / "h.tar.gz", (link, b"")), tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "clone" / "results").mkdir()
    (tmp_path / "clone" / "results" / "studies").symlink_to(outside)
    member = tarfile.TarInfo("results/studies/s/file")
    with pytest.raises(UserError, match=r"leads out of .* by a link there"):
        unpack(forge(tmp_path / "h.tar.gz", (member, b"evil")), tmp_path)
    assert not any(outside.iterdir())


def test_what_the_manifest_does_not_know_is_refused(tmp_path: Path) -> None:
    member = tarfile.TarInfo("results/a")
    wrong = forge(tmp_path / "h.tar.gz", (member, b"1"), files={"results/a": "0" * 64})
    with pytest.raises(UserError, match="'results/a': damaged: its sha256 is not the one"):
        unpack(wrong, tmp_path)
    extra = forge(tmp_path / "h.tar.gz", (member, b"1"), files={"results/b": "0" * 64})
    with pytest.raises(UserError, match=r"'results/a': not in bundle\.json"):
        unpack(extra, tmp_path)
    newer = forge(tmp_path / "h.tar.gz", (member, b"1"), format_version=2)
    with pytest.raises(UserError, match="format_version"):
        unpack(newer, tmp_path)
