"""`checkpoint.json`: what a checkpoint's folder holds, and proof that it still holds it."""

import hashlib
import math
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from essential_sparsity.architectures.architecture import Layout, Part
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import REMEDY, read_json, sha256_of_all
from essential_sparsity.support.spec import Sha256, canonical_json
from essential_sparsity.support.validation import explain

MANIFEST = "checkpoint.json"
FORMAT_VERSION = 1


class _Record(BaseModel):
    # Unknown keys are provenance for people: they are allowed, and not read.
    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


class Matrix(_Record):
    """A prunable matrix: its name in the state dict, `[out, in]` shape, file, and place.

    Where it is no tensor of its own, `layout` says how it lies in one, and the name says which part
    of it: `h.0.attn.c_attn.weight:query`, of an expert `experts.gate_up_proj[3]:feed_forward_in`.
    """

    name: str
    shape: tuple[int, ...] = Field(min_length=2, max_length=2)
    dtype: str
    file: str
    layer: int = Field(ge=0)
    module: str
    part: Part
    layout: Layout | None = Field(default=None, exclude_if=lambda layout: layout is None)

    @property
    def tensor(self) -> str:
        """The name of the tensor that holds it."""
        return self.layout.tensor if self.layout else self.name

    def view(self, tensor: Any) -> Any:
        """Return the matrix as a view of the tensor that holds it, see `Layout.view`."""
        return self.layout.view(tensor) if self.layout else tensor

    @property
    def size(self) -> int:
        """The number of weights."""
        return math.prod(self.shape)


class Prunable(_Record):
    """The prunable matrices in THE matrix order, and how many weights they have together."""

    count: int = Field(gt=0)
    matrices: tuple[Matrix, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _counts_agree(self) -> "Prunable":
        total = sum(matrix.size for matrix in self.matrices)
        if total != self.count:
            raise ValueError(f"the matrices have {total} weights, not {self.count}")
        return self


class Parameters(_Record):
    """The number of parameters of the whole checkpoint; tied tensors count once."""

    count: int = Field(gt=0)


class Manifest(_Record):
    """The content of `checkpoint.json` (docs of the fields: `docs/artifacts.md`)."""

    format_version: Literal[1]
    architecture: str
    source: dict[str, Any]
    files: dict[str, Sha256] = Field(min_length=1)
    prunable: Prunable
    parameters: Parameters

    @model_validator(mode="after")
    def _files_are_listed(self) -> "Manifest":
        for name in self.files:
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise ValueError(f"'{name}' is not a file of the checkpoint's folder")
        for matrix in self.prunable.matrices:
            if matrix.file not in self.files:
                raise ValueError(f"'{matrix.name}' is in '{matrix.file}', which 'files' lacks")
        return self

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """The prunable matrices in THE matrix order: by layer, then as the scope lists modules.

        A pooler, if it is pruned, is the last, and its layer the number of layers.
        """
        return self.prunable.matrices

    @property
    def prunes_pooler(self) -> bool:
        """True if the pooler is among the prunable matrices."""
        return self.matrices[-1].part == "pooler"

    @property
    def prunable_count(self) -> int:
        """N: the number of prunable weights."""
        return self.prunable.count

    @property
    def parameter_count(self) -> int:
        """The number of all parameters of the checkpoint."""
        return self.parameters.count

    @property
    def sha256(self) -> str:
        """The checkpoint's identity: one digest over the names and digests of its files."""
        return hashlib.sha256(canonical_json(self.files).encode()).hexdigest()


def load_manifest(folder: Path, verify: bool = True) -> Manifest:
    """Load `folder/checkpoint.json`; with `verify`, hash every file that it lists."""
    path = folder / MANIFEST
    document = read_json(path, "checkpoint manifest")
    version = document.get("format_version")
    if version != FORMAT_VERSION:
        raise UserError(
            f"{path}: format_version: {version!r}; this version reads {FORMAT_VERSION}; "
            f"delete {folder} and run the study again"
        )
    try:
        manifest = Manifest.model_validate(document)
    except ValidationError as error:
        raise UserError(explain(error, Manifest, str(path))) from None
    if not verify:
        return manifest
    for name in manifest.files:
        if not (folder / name).is_file():
            raise UserError(f"{folder / name}: missing; {REMEDY}")
    for name, actual in sha256_of_all([folder / name for name in manifest.files]).items():
        if actual != manifest.files[name]:
            raise UserError(
                f"{folder / name}: changed since it was fetched: its sha256 is {actual}, "
                f"{MANIFEST} says {manifest.files[name]}; {REMEDY}"
            )
    return manifest
