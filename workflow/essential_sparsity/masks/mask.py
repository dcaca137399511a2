"""The keep mask of a checkpoint: one bit a prunable weight, packed, checked, self-describing.

On disk a mask is a safetensors file with one uint8 tensor a prunable matrix, holding the matrix's
keep bits in row-major order, eight a byte, lowest bit first; its metadata hold one JSON document
under the key `mask` (see `Header`). `docs/mask-format.md` prints a reader in plain numpy.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from safetensors import SafetensorError, safe_open

from essential_sparsity.checkpoints.manifest import Manifest, Matrix
from essential_sparsity.support import files
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import atomic_path, read_json, sha256_of, write_json
from essential_sparsity.support.spec import Spec

FORMAT_VERSION = 1
METADATA_KEY = "mask"

# The file may be somebody's own.
REMEDY = f"if a study made it, {files.REMEDY}"

Packed = NDArray[np.uint8]


class Header(Spec):
    """The JSON document in a mask's metadata (`docs/mask-format.md`)."""

    format_version: int
    name: str = Field(default="", description="the mask's identity in paths")
    architecture: str
    checkpoint: str = Field(description="the checkpoint's identity, `checkpoint.json`'s digest")
    spec: dict[str, Any] = Field(description="what the mask was made by; criterion and its options")
    shapes: dict[str, tuple[int, int]] = Field(description="matrix → (out, in), in matrix order")
    total: int = Field(description="prunable weights")
    removed: int = Field(description="zeros of the mask")
    selected_on: str = Field(default="", description="dtype on which the selection was made")
    threshold: float | None = Field(default=None, description="|w| at the cut")
    tie_rule: Literal["order (|w|, matrix, flat index)"] = "order (|w|, matrix, flat index)"
    inputs: dict[str, str] = Field(default={}, description="role → SHA-256 of other files used")

    @model_validator(mode="after")
    def _names_a_criterion(self) -> "Header":
        if not isinstance(self.spec.get("criterion"), str):
            raise ValueError("spec: names no criterion")
        return self

    @classmethod
    def of(cls, manifest: Manifest, **more: Any) -> "Header":
        """Return the header of a mask of the checkpoint with this manifest."""
        return cls(
            format_version=FORMAT_VERSION,
            architecture=manifest.architecture,
            checkpoint=manifest.sha256,
            shapes={matrix.name: matrix.shape for matrix in manifest.matrices},
            total=manifest.prunable_count,
            **more,
        )

    @property
    def sparsity(self) -> float:
        """Share of zeros over the prunable weights."""
        return self.removed / self.total

    def size(self, matrix: str) -> int:
        """Return the number of the matrix's weights."""
        return prod(self.shapes[matrix])

    def bytes_of(self, matrix: str) -> int:
        """Return the number of bytes that the matrix's packed bits take."""
        return (self.size(matrix) + 7) // 8

    def text(self) -> str:
        """Return the JSON text that the file holds."""
        return json.dumps(self.model_dump(mode="json"), separators=(",", ":"))


@dataclass(frozen=True)
class Mask:
    """A keep mask: a bit for each prunable weight of a checkpoint, 1 where the weight is kept.

    `docs/mask-format.md` describes the file.

    Attributes:
        header: what the mask says of itself: `name`, `spec` (criterion and options), `checkpoint`
            (the identity of the checkpoint that it was made of), `total` and `removed` (counts of
            weights), `threshold` (|w| at the cut, where there is one cut for all matrices).
        packed: matrix → its bits, eight a byte, lowest first, in `header.shapes`' order.

    >>> import essential_sparsity as es
    >>> from pathlib import Path
    >>> (mask,) = es.compute_masks(es.open_checkpoint("tiny-bert"), [0.25])
    >>> mask.save(Path("quarter.safetensors"))
    >>> mask = es.Mask.load(Path("quarter.safetensors"))
    >>> mask.sparsity, sum(mask.removed().values())
    (0.25, 1024)
    >>> name = mask.matrices[0]
    >>> mask.keep(name).dtype, mask.keep(name).shape, mask.kept(name)
    (dtype('bool'), (16, 16), 196)
    """

    header: Header
    packed: dict[str, Packed]

    @property
    def matrices(self) -> tuple[str, ...]:
        """The matrices' names, in matrix order."""
        return tuple(self.header.shapes)

    def shape(self, name: str) -> tuple[int, int]:
        """Return the matrix's shape, (out, in)."""
        return self.header.shapes[name]

    def kept(self, name: str) -> int:
        """Return how many weights of the matrix are kept."""
        return count_kept(self.packed[name])

    def removed(self) -> dict[str, int]:
        """Return matrix → how many of its weights are removed, in matrix order."""
        return {name: self.header.size(name) - self.kept(name) for name in self.matrices}

    def keep(self, name: str) -> NDArray[np.bool_]:
        """Return the matrix's keep mask, bool of its shape."""
        rows, columns = self.shape(name)
        bits = np.unpackbits(self.packed[name], count=rows * columns, bitorder="little")
        return bits.view(np.bool_).reshape(rows, columns)

    @property
    def sparsity(self) -> float:
        """Share of zeros over the prunable weights, as counted."""
        return self.header.sparsity

    def is_nested_in(self, denser: "Mask") -> bool:
        """Tell whether everything that this mask keeps is kept by `denser` too."""
        return all(not np.any(self.packed[name] & ~denser.packed[name]) for name in self.matrices)

    @classmethod
    def build(
        cls,
        keeps: Mapping[str, NDArray[np.bool_]],
        spec: Mapping[str, Any],
        *,
        name: str = "",
        architecture: str,
        checkpoint: str,
        selected_on: str = "",
        threshold: float | None = None,
    ) -> "Mask":
        """Pack keep masks (bool, (out, in) each) that are in memory already, in matrix order.

        Args:
            keeps: matrix → its keep mask.
            spec: what made it; `criterion` at least.
            name, architecture, checkpoint, selected_on, threshold: see the header.
        """
        packed = {
            matrix: np.packbits(keep, axis=None, bitorder="little")
            for matrix, keep in keeps.items()
        }
        header = Header(
            format_version=FORMAT_VERSION,
            name=name,
            architecture=architecture,
            checkpoint=checkpoint,
            spec=dict(spec),
            shapes={matrix: (keep.shape[0], keep.shape[1]) for matrix, keep in keeps.items()},
            total=sum(keep.size for keep in keeps.values()),
            removed=sum(keep.size - int(np.count_nonzero(keep)) for keep in keeps.values()),
            selected_on=selected_on,
            threshold=threshold,
        )
        return cls(header, packed)

    def save(self, path: Path) -> None:
        """Write the mask to `path`, and beside it the small manifest that stands for it."""
        with write_mask(path, self.header) as writer:
            for name in self.matrices:
                writer.write(self.packed[name])

    @classmethod
    def load(cls, path: Path) -> "Mask":
        """Read a mask and check it against what it says of itself.

        Raises:
            UserError: missing, truncated or tampered file, another format version, or counts or
                shapes that do not agree with the bits.
        """
        header = load_header(path)
        try:
            with safe_open(path, framework="numpy") as file:
                packed = {name: file.get_tensor(name) for name in header.shapes}
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path}: not a whole mask file ({error}); {REMEDY}") from None
        for name, bits in packed.items():
            check_bits(path, header, name, bits)
        mask = cls(header, packed)
        check_removed(path, header, sum(mask.removed().values()))
        return mask


def load_header(path: Path) -> Header:
    """Read what a mask's file says of itself, and check that it has just the tensors it speaks of.

    Where the manifest lies beside it, every byte is checked against its digest.
    """
    try:
        _check_digest(path)
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(METADATA_KEY)
            stored = {
                name: (file.get_slice(name).get_dtype(), tuple(file.get_slice(name).get_shape()))
                for name in file.keys()  # noqa: SIM118
            }
    except FileNotFoundError:
        raise UserError(f"{path}: no such mask file") from None
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a whole mask file ({error}); {REMEDY}") from None
    if text is None:
        raise UserError(f"{path}: holds no mask metadata under '{METADATA_KEY}'; {REMEDY}")
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise UserError(f"{path}: damaged mask metadata ({error}); {REMEDY}") from None
    version = document.get("format_version") if isinstance(document, dict) else None
    if version != FORMAT_VERSION:
        raise UserError(
            f"{path}: format_version: {version!r} is not readable here; "
            f"this version reads {FORMAT_VERSION}"
        )
    header = Header.check(document, str(path))
    if odd := sorted(set(stored) ^ set(header.shapes)):
        raise UserError(f"{path}: {odd[0]}: in the metadata or in the file, not in both; {REMEDY}")
    for name, (dtype, shape) in stored.items():
        if dtype != "U8" or shape != (header.bytes_of(name),):
            raise UserError(
                f"{path}: {name}: {dtype}{list(shape)} does not hold the {header.size(name)} bits "
                f"of shape {list(header.shapes[name])}; {REMEDY}"
            )
    total = sum(prod(shape) for shape in header.shapes.values())
    if total != header.total:
        raise UserError(
            f"{path}: counts: the matrices have {total} weights, the metadata say {header.total}; "
            f"{REMEDY}"
        )
    return header


def _check_digest(path: Path) -> None:
    manifest = path.with_suffix(".json")
    if not manifest.is_file():
        return
    recorded = read_json(manifest, "mask manifest")
    if recorded.get("file") == path.name and recorded.get("sha256") != sha256_of(path):
        raise UserError(
            f"{path}: damaged: its sha256 is not the one that {manifest.name} says; {REMEDY}"
        )


def check_bits(path: Path, header: Header, name: str, bits: Packed) -> None:
    """Check that no bit is set behind a matrix's last weight."""
    if (spare := header.size(name) % 8) and bits[-1] >> spare:
        raise UserError(f"{path}: {name}: bits set behind the last weight; {REMEDY}")


def check_removed(path: Path, header: Header, removed: int) -> None:
    """Check that the bits remove as many weights as the header says."""
    if removed != header.removed:
        raise UserError(
            f"{path}: counts: the bits remove {removed} of {header.total} weights, the metadata "
            f"say {header.removed}; {REMEDY}"
        )


def check_made_from(path: Path, header: Header, manifest: Manifest) -> None:
    """Check that a mask is called as its file is, and is of the manifest's checkpoint."""
    if header.name != path.stem:
        raise UserError(f"{path}: holds the mask '{header.name}'; {REMEDY}")
    shapes = {matrix.name: matrix.shape for matrix in manifest.matrices}
    if header.checkpoint != manifest.sha256 or header.shapes != shapes:
        raise UserError(f"{path}: was made from another version of the checkpoint; {REMEDY}")


def check_alike(headers: Iterable[tuple[Path, Header]], checkpoint: bool = True) -> None:
    """Check that masks are of one model: the same matrices, and the same checkpoint if asked for.

    The error names the two files that differ, and the first matrix in which they do.
    """
    (first_path, first), *others = headers
    for path, header in others:
        if header.shapes != first.shapes:
            names = [*first.shapes, *header.shapes]
            name = next(n for n in names if first.shapes.get(n) != header.shapes.get(n))
            raise UserError(
                f"{path}: is a mask of another model than {first_path}: '{name}' is "
                f"{_shape_text(header, name)} here, {_shape_text(first, name)} there"
            )
        if checkpoint and header.checkpoint != first.checkpoint:
            raise UserError(
                f"{path}: was made from another checkpoint ({header.checkpoint[:12]}…) than "
                f"{first_path} ({first.checkpoint[:12]}…)"
            )


def _shape_text(header: Header, name: str) -> str:
    return str(list(header.shapes[name])) if name in header.shapes else "absent"


def load_for(matrices: Iterable[Matrix], path: Path) -> Mask:
    """Read a mask that must be of a checkpoint with just these matrices, not of this very one."""
    mask = Mask.load(path)
    shapes = {matrix.name: matrix.shape for matrix in matrices}
    expected = mask.header.model_copy(update={"shapes": shapes})
    check_alike([(Path("the checkpoint"), expected), (path, mask.header)], checkpoint=False)
    return mask


def count_kept(packed: Packed) -> int:
    """Return how many bits are set."""
    words = packed.size // 8 * 8  # eight bytes at a time
    counts = np.bitwise_count(packed[:words].view(np.uint64)).sum(dtype=np.int64)
    return int(counts + np.bitwise_count(packed[words:]).sum(dtype=np.int64))


class MaskWriter:
    """Takes the packed keep bits of every matrix, in order, in pieces of whole bytes.

    So that no mask has to fit into memory.
    """

    def __init__(self, file: BinaryIO, header: Header) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._expected = sum(header.bytes_of(name) for name in header.shapes)
        self._written = 0
        self._kept = 0
        self._put(_safetensors_header(header))

    def write(self, packed: Packed) -> int:
        """Append packed bits; return how many weights they keep."""
        kept = count_kept(packed)
        self._written += packed.size
        self._kept += kept
        self._put(packed.data)
        return kept

    def _put(self, data: bytes | memoryview) -> None:
        self._digest.update(data)
        self._file.write(data)

    def finish(self, header: Header) -> str:
        """Check what was written against the header; return the SHA-256 of the file's bytes."""
        removed = header.total - self._kept
        if (self._written, removed) != (self._expected, header.removed):
            raise ValueError(
                f"{header.name}: {self._written} bytes that remove {removed} weights were written, "
                f"{self._expected} that remove {header.removed} were announced"
            )
        return self._digest.hexdigest()


@contextmanager
def write_mask(path: Path, header: Header) -> Iterator[MaskWriter]:
    """Yield a writer of the mask at `path`; the file, and its manifest, appear if all goes well.

    The manifest (`.json`) holds the SHA-256 of the mask's bytes, so that a copied results folder
    is known by content, not by times.
    """
    # Not the library's writer, which wants all tensors at once and hides what the disk said.
    with atomic_path(path) as temporary, temporary.open("wb", buffering=1 << 20) as file:
        writer = MaskWriter(file, header)
        yield writer
        digest = writer.finish(header)
    manifest = {
        "format_version": FORMAT_VERSION,
        "file": path.name,
        "sha256": digest,
        "checkpoint": header.checkpoint,
        "spec": header.spec,
        "total": header.total,
        "removed": header.removed,
    }
    write_json(path.with_suffix(".json"), manifest)


@contextmanager
def write_masks(headers: Mapping[Path, Header]) -> Iterator[list[MaskWriter]]:
    """Yield a writer of every mask, path → header; see `write_mask`.

    At the end all are synced to disk side by side, which takes little longer than one.
    """
    with ExitStack() as stack:
        masks = [stack.enter_context(ExitStack()) for _ in headers]
        yield [
            mask.enter_context(write_mask(path, header))
            for mask, (path, header) in zip(masks, headers.items(), strict=True)
        ]
        with ThreadPoolExecutor(len(masks) or 1) as pool:
            list(pool.map(ExitStack.close, masks))


def _safetensors_header(header: Header) -> bytes:
    """Return the file's beginning: eight bytes of length, and the padded JSON header."""
    document: dict[str, object] = {"__metadata__": {METADATA_KEY: header.text()}}
    start = 0
    for name in header.shapes:
        end = start + header.bytes_of(name)
        document[name] = {"dtype": "U8", "shape": [end - start], "data_offsets": [start, end]}
        start = end
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
