"""A bundle from a stranger: nothing in it is run, leaves its place, or takes more than it may."""

import gzip
import subprocess
import sys
import tarfile
from collections import namedtuple
from pathlib import Path

import pytest
import yaml

from essential_sparsity.bundle import archive
from essential_sparsity.bundle.archive import MANIFEST, unpack_bundle
from essential_sparsity.support.errors import UserError
from forged_bundle import STUDY, forge
from project import Project, tiny_study

Usage = namedtuple("Usage", "total used free")


def plain(name: str) -> tarfile.TarInfo:
    return tarfile.TarInfo(name)


def odd(name: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "project/s.yaml"
    return member


def refused(bundle: Path, tmp_path: Path, reason: str) -> None:
    """Check that a bundle is refused for a reason, in one line, and that nothing of it stays."""
    clone = tmp_path / "clone"
    with pytest.raises(UserError, match=reason) as error:
        unpack_bundle(bundle, clone, clone / "results")
    assert str(error.value).isprintable()
    assert not any(clone.iterdir())


@pytest.mark.parametrize(
    "name",
    [
        # Snakemake takes a profile's most fitting version, and evaluates Python in it.
        "project/profiles/default/config.v9+.yaml",
        "project/profiles/figures/profile.yaml",
        "project/Profiles/figures/models/profile.yaml",
        "project/workflow/profiles/default/config.yaml",
        "project/envs/models/torch.yaml",
        "project/tasks.yaml",
        "project/docs/mkdocs.yml",
        "project/models/a b.yaml",
        "results/runs/minilm-l6/topic/quick/dense/seed1/metrics.parquet",
        "results/checkpoints/minilm-l6/model.safetensors",
        "results/masks/minilm-l6/../dense.json",
        "results/studies/another/summary.txt",
        "results/studies/s/\x1b]0;title\x07.parquet",
        "results/studies/s/new\nline.parquet",
        "results//studies/s/a.parquet",
        "results/studies/s/a.parquet/",
        "results/studies/s/./a.parquet",
        "results/studies/s/C:a.parquet",
    ],
)
def test_there_is_no_place_for_code_nor_for_others_results(name: str, tmp_path: Path) -> None:
    hostile = forge(tmp_path / "h.tar.gz", (plain(name), b"__use_yte__: true"))
    refused(hostile, tmp_path, "no place for a file of a bundle|not in bundle.json|damaged")


@pytest.mark.parametrize(
    "kind",
    [tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE,
     tarfile.DIRTYPE, b"?"],
    ids=["hard link", "link", "character device", "block device", "pipe", "folder", "unknown"],
)  # fmt: skip
def test_a_member_that_is_no_file_is_refused(kind: bytes, tmp_path: Path) -> None:
    member = odd("results/studies/s/a", kind)
    reason = "a link or device|damaged"  # an unknown kind counts as a file, and its bytes differ
    refused(forge(tmp_path / "h.tar.gz", (member, b"1")), tmp_path, reason)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("results/studies/s/A.json", "results/studies/s/a.json"),
        ("results/studies/s/a", "results/studies/s/a/b"),
    ],
)
def test_two_files_with_one_place_are_refused(one: str, other: str, tmp_path: Path) -> None:
    hostile = forge(tmp_path / "h.tar.gz", (plain(one), b"1"), (plain(other), b"2"))
    refused(hostile, tmp_path, "two of its files have one place")


def test_a_file_larger_than_the_disk_is_refused_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda _: Usage(9, 9, 1_000_000))
    monkeypatch.setattr(archive, "_copy", lambda *_: pytest.fail("it was written"))
    bomb = forge(tmp_path / "h.tar.gz", (plain("results/studies/s/a"), bytes(2_000_000)))
    assert bomb.stat().st_size < 10_000
    refused(bomb, tmp_path, "'results/studies/s/a': takes 0.00 GB, and the disk has 0.00 GB left")


def test_a_header_of_gigabytes_is_not_read_into_memory(tmp_path: Path) -> None:
    """An extended header is read as a whole, however long it says that it is."""
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 200 * 2**20
    path = tmp_path / "h.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as packed:
        packed.write(header.tobuf())
        for _ in range(200):
            packed.write(bytes(2**20))
    refused(path, tmp_path, "no bundle, or damaged: a header of")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"{" * 100_000, "no bundle"),
        (b'{"a":' * 100_000, "no bundle"),
        (b"9" * 5000, "no bundle"),
        (b"[]", "bundle.json"),
        (b"\xff", "no bundle"),
    ],
)
def test_a_manifest_that_is_none_is_one_line(text: bytes, reason: str, tmp_path: Path) -> None:
    import io

    path = tmp_path / "h.tar.gz"
    with tarfile.open(path, "w:gz") as packed:
        member = tarfile.TarInfo(MANIFEST)
        member.size = len(text)
        packed.addfile(member, io.BytesIO(text))
    refused(path, tmp_path, reason)


@pytest.mark.parametrize(
    ("study", "reason"),
    [
        ("__use_yte__: true\n__definitions__:\n- import os\n" + STUDY, "__use_yte__: unknown key"),
        (STUDY.replace("study: s", "study: !!python/name:os.system"), "not YAML"),
        (STUDY.replace("study: s", "study: t"), "is of study 't', not 's'"),
        ("- 1", "project/s.yaml"),
    ],
)
def test_the_studys_file_must_be_a_study(study: str, reason: str, tmp_path: Path) -> None:
    """Snakemake evaluates Python in a configuration file that asks for it; a study may not."""
    hostile = forge(tmp_path / "h.tar.gz", (plain("project/s.yaml"), study.encode()))
    refused(hostile, tmp_path, reason)


def test_a_criterion_that_is_not_here_is_named_and_how_to_have_it(tmp_path: Path) -> None:
    """A bundle brings no code, so that a criterion of the sender's own has to come otherwise."""
    other = STUDY.replace("criterion: magnitude", "criterion: senders-own")
    refused(
        forge(tmp_path / "h.tar.gz", (plain("project/s.yaml"), other.encode())),
        tmp_path,
        r"'senders-own'.*a bundle brings no code: .*masks/criteria/NAME\.py, to be put in place",
    )


def test_an_extension_from_outside_the_project_is_not_imported(tmp_path: Path) -> None:
    """A stranger's study may name whatever folder other users of the machine can write to."""
    module = tmp_path / "shared" / "criteria" / "evil.py"
    module.parent.mkdir(parents=True)
    module.write_text(f"open({str(tmp_path / 'run')!r}, 'w')")
    for name in (str(module.parents[1]), "../shared"):
        study = yaml.safe_dump({**yaml.safe_load(STUDY), "extensions": [name]})
        bundle = forge(tmp_path / "h.tar.gz", (plain("project/s.yaml"), study.encode()))
        refused(bundle, tmp_path, "extensions: .*shared: leads out of")
    assert not (tmp_path / "run").exists()


def test_names_that_a_person_will_type_are_plain(tmp_path: Path) -> None:
    for change, reason in (
        ({"study": "$(touch evil)"}, "study: a name has"),
        ({"study_file": "s.yaml;touch evil"}, "no place for a file of a bundle"),
    ):
        refused(forge(tmp_path / "h.tar.gz", **change), tmp_path, reason)


@pytest.mark.workflow
def test_the_command_that_is_proposed_is_quoted(tmp_path: Path) -> None:
    project = Project(tmp_path / "clone")
    project.clone_sources()
    name = "$(touch evil).yaml"
    member = (plain(f"project/{name}"), STUDY.encode())
    bundle = forge(tmp_path / "h.tar.gz", member, study_file=name)
    done = subprocess.run(
        [sys.executable, "-m", "essential_sparsity.bundle", "unpack", str(bundle)],
        cwd=project.folder,
        env={"PYTHONPATH": str(project.folder / "workflow")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert f"make figures STUDY='{name}'" in done.stderr


def test_a_catalog_cannot_smuggle_a_file_into_a_bundle(tmp_path: Path) -> None:
    """Somebody's catalog may hold links to the packer's own files."""
    from essential_sparsity.bundle.contents import contents_of
    from essential_sparsity.stages.study import all_tables
    from essential_sparsity.study.jobs import load_study

    root = tmp_path / "clone"
    project = Project(root)
    project.clone_sources()
    project.write_model("tiny-bert", {"kind": "folder", "path": "nowhere"})
    project.write_task("mood", {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3})
    study = {**tiny_study(), "experiments": tiny_study()["experiments"][1:]}
    (root / "study.yaml").write_text(yaml.safe_dump(study))
    resolved = load_study(root / "study.yaml", root, root / "results")
    for table in [*all_tables(resolved), "studies/tiny/claims.parquet"]:
        (root / "results" / table).parent.mkdir(parents=True, exist_ok=True)
        (root / "results" / table).touch()
    packed = contents_of(resolved, root / "study.yaml", root, False)
    assert "project/tiny/models/tiny-bert.yaml" in packed
    secret = tmp_path / "secret"
    secret.write_text("password")
    (root / "tiny/tasks/stolen.yaml").symlink_to(secret)
    with pytest.raises(UserError, match="secret: outside"):
        contents_of(resolved, root / "study.yaml", root, False)
