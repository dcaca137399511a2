"""The bundle's file, a compressed tar archive that begins with its manifest, and its places.

A bundle brings data. Files that Snakemake, make, git or Python would run have no place in it, nor
have results of other studies, which those studies would take for their own.
"""

import gzip
import hashlib
import io
import json
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import Field

from essential_sparsity.stages import paths
from essential_sparsity.stages.format import is_blank, write_format
from essential_sparsity.study.document import Study
from essential_sparsity.support import extensions
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import atomic_path, check_space, sha256_of
from essential_sparsity.support.spec import Name, Sha256, Spec, is_name
from essential_sparsity.support.yaml_files import read_yaml

# Below these a bundle keeps what lies in the results folder, and what lies in the project.
RESULTS = "results"
PROJECT = "project"

# Folders of the project whose YAML is more than data: Snakemake evaluates that of a profile.
_CODE = {"benchmarks", "envs", "profiles", "rules", "simulations", "tests", "workflow"}
_CATALOG = {"models", "tasks", "claims"}
_MASKS = [*map(paths.matching, (paths.MASK, paths.MASK_MANIFEST, paths.CHECKPOINT_MANIFEST))]

MANIFEST = "bundle.json"
_LARGEST_MANIFEST = 64 * 2**20


class BundleManifest(Spec):
    """`bundle.json`: whose results a bundle holds, and the SHA-256 of each of its files."""

    format_version: Literal[1]
    study: Name
    study_file: str = Field(description="relative to the project")
    files: dict[str, Sha256] = Field(min_length=1)


def _places(manifest: BundleManifest, root: Path, results: Path, bundle: Path) -> dict[str, Path]:
    """Return name in the bundle → its place on this machine, below `root` or `results`.

    None may lead out of these folders, nor be another's on file systems that know no case.
    """
    found: dict[str, Path] = {}
    folded: set[str] = set()
    for name in manifest.files:
        if not _is_allowed(name, manifest):
            raise UserError(f"{bundle}: {name!r}: no place for a file of a bundle")
        folder, _, below = name.partition("/")
        base = {RESULTS: results, PROJECT: root}[folder]
        place = base / below
        if not place.resolve().is_relative_to(base.resolve()):
            raise UserError(f"{bundle}: {name!r}: leads out of {base} by a link there")
        found[name] = place
        folded.add(name.casefold())
    above = {str(folder) for name in folded for folder in PurePosixPath(name).parents}
    if len(folded) < len(found) or folded & above:
        raise UserError(f"{bundle}: two of its files have one place")
    return found


def _is_allowed(name: str, manifest: BundleManifest) -> bool:
    folder, _, below = name.partition("/")
    parts = below.split("/")
    plain = name.isprintable() and "\\" not in name and ":" not in name
    if not plain or any(not part or part.startswith(".") for part in parts):
        return False
    if folder == RESULTS:
        own = below.startswith(f"{paths.STUDY.format(study=manifest.study)}/")
        return own or any(pattern.fullmatch(below) for pattern in _MASKS)
    return folder == PROJECT and is_project_data(below, manifest.study_file)


def is_project_data(file: str, study_file: str) -> bool:
    """Tell whether a file, relative to the project, is the study's or an entry of a catalog."""
    path = Path(file)
    if path.suffix not in (".yaml", ".yml") or path.parts[0].casefold() in _CODE:
        return False
    return file == study_file or (path.parent.name in _CATALOG and is_name(path.stem))


def write_bundle(path: Path, study: str, study_file: str, files: Mapping[str, Path]) -> None:
    """Write a bundle of `files`, name in the bundle → file; equal contents make equal bytes."""
    manifest = BundleManifest(
        format_version=1,
        study=study,
        study_file=study_file,
        files={name: sha256_of(files[name]) for name in sorted(files)},
    )
    text = json.dumps(manifest.model_dump(), indent=1, ensure_ascii=False) + "\n"
    with (
        atomic_path(path) as temporary,
        temporary.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        archive.addfile(_member(MANIFEST, len(text.encode())), io.BytesIO(text.encode()))
        for name in sorted(files):
            with files[name].open("rb") as file:
                archive.addfile(_member(name, files[name].stat().st_size), file)


def _member(name: str, size: int) -> tarfile.TarInfo:
    # As made, without owner and time: they belong to a machine, not to the results.
    member = tarfile.TarInfo(name)
    member.size = size
    return member


def unpack_bundle(path: Path, root: Path, results: Path) -> BundleManifest:
    """Check all of a bundle, then put its files in their places; return its manifest.

    A file that is there already must be the same. Where the study has extensions, these must be in
    place, and the process may start anew to import them.

    Raises:
        UserError: the file is no bundle or is damaged, a name in it leads elsewhere, it would
            replace another file, its study is none, or the disk has too little space.
    """
    root.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=root, prefix=".bundle.", suffix=".part"))
    try:
        manifest = _extract(path, scratch)
        places = _places(manifest, root, results, path)
        _check_study(scratch, manifest, path, root)
        for name, place in places.items():
            if place.exists() and sha256_of(place) != manifest.files[name]:
                raise UserError(
                    f"{place}: another file than {path} would put there; move it away, or unpack "
                    "into a fresh clone"
                )
        blank = is_blank(results)
        for name, place in places.items():
            if not place.exists():
                with atomic_path(place) as temporary:
                    shutil.copyfile(scratch / manifest.files[name], temporary)
        if blank:
            write_format(results)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return manifest


def _check_study(scratch: Path, manifest: BundleManifest, path: Path, root: Path) -> None:
    """Check that the study's file is one: Snakemake would evaluate what else it may say."""
    name = f"{PROJECT}/{manifest.study_file}"
    if name not in manifest.files:
        raise UserError(f"{path}: {name!r}, the file of its study, is not in it")
    file = scratch / manifest.files[name]
    try:
        document = read_yaml(file)
        beside = (root / manifest.study_file).parent
        for folder in extensions.folders_of(document, beside, name):
            if not folder.is_relative_to(root.resolve()):
                raise UserError(f"{name}: extensions: {folder}: leads out of {root}")
        extensions.use(document, beside, name, lambda: shutil.rmtree(scratch))
        study = Study.check(document, name)
    except UserError as error:
        hint = ""
        if "criterion" in str(error):
            hint = (
                "; a bundle brings no code: a criterion of the sender's own is the module "
                "workflow/essential_sparsity/masks/criteria/NAME.py, to be put in place first"
            )
        elif "extensions" in str(error):
            hint = "; a bundle brings no code: an extension is to be put in place first"
        raise UserError(f"{path}: {str(error).replace(str(file), name)}{hint}") from None
    if study.study != manifest.study:
        raise UserError(f"{path}: {name}: is of study '{study.study}', not '{manifest.study}'")


def _extract(path: Path, scratch: Path) -> BundleManifest:
    """Write the files of a bundle to `scratch`, each under its checksum; return the manifest."""
    try:
        with (
            gzip.open(path) as unpacked,
            tarfile.open(fileobj=_Measured(unpacked), mode="r:") as archive,
        ):
            first = archive.next()
            if first is None or first.name != MANIFEST or first.size > _LARGEST_MANIFEST:
                raise UserError(f"{path}: no bundle: it does not begin with {MANIFEST}")
            text = _open(archive, first, path).read()
            manifest = BundleManifest.check(json.loads(text), f"{path}: {MANIFEST}")
            left = dict(manifest.files)
            while (member := archive.next()) is not None:
                expected = left.pop(member.name, None)
                if expected is None:
                    raise UserError(f"{path}: {member.name!r}: not in {MANIFEST}, or there twice")
                file = _open(archive, member, path)
                # An announced size costs a bundle's maker nothing, and us the disk.
                check_space(scratch / expected, member.size, f"{path}: {member.name!r}")
                _copy(file, scratch / expected, expected, path, member.name)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error, ValueError) as error:
        raise UserError(f"{path}: no bundle, or damaged: {error}") from None
    except RecursionError:
        raise UserError(f"{path}: no bundle: {MANIFEST} is nested too deeply") from None
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; a bundle was expected there") from None
    if left:
        raise UserError(f"{path}: damaged: {next(iter(left))!r} is missing, of {MANIFEST}")
    return manifest


class _Measured(io.RawIOBase):
    """Reads a stream in pieces of bounded size: an archive's own headers say how long they are."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= 2 * _LARGEST_MANIFEST:
            raise ValueError(f"a header of {size} bytes")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


def _open(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> io.BufferedReader:
    """Open a regular file of the archive: a link or a device is none of a bundle's."""
    if not member.isreg() or member.issparse():
        raise UserError(f"{path}: {member.name!r}: a link or device; a bundle holds files alone")
    file = archive.extractfile(member)
    assert file is not None  # as it is a regular one
    return file  # type: ignore[return-value]


def _copy(source: io.BufferedReader, target: Path, expected: str, path: Path, name: str) -> None:
    digest = hashlib.sha256()
    with target.open("wb") as file:
        while block := source.read(2**20):
            digest.update(block)
            file.write(block)
    if digest.hexdigest() != expected:
        raise UserError(f"{path}: {name!r}: damaged: its sha256 is not the one in {MANIFEST}")
