"""What a mask's file says of itself."""

import json
from math import prod
from typing import Any, Literal

from pydantic import Field, model_validator

from essential_sparsity.checkpoints.manifest import Manifest
from essential_sparsity.support import files
from essential_sparsity.support.spec import Spec

FORMAT_VERSION = 1
METADATA_KEY = "mask"

# The file may be somebody's own.
REMEDY = f"if a study made it, {files.REMEDY}"


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
