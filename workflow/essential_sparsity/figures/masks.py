"""The masks that a figure of masks shows, read from their files."""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

from pydantic import Field

from essential_sparsity.checkpoints.manifest import Manifest, load_manifest
from essential_sparsity.masks.mask import Mask, check_made_from
from essential_sparsity.stages import paths
from essential_sparsity.support.spec import Name, Spec


class MasksSpec(Spec):
    """Models whose masks a figure of masks shows."""

    models: tuple[Name, ...] = Field(min_length=1)


def load_masks(
    root: Path, files: Iterable[str], spec: MasksSpec
) -> Iterator[tuple[str, Mask, Manifest]]:
    """Yield each model's masks with the model and the manifest of its checkpoint.

    `files` are the masks' manifests below `root`; others among them are passed over.
    """
    places = list(dict.fromkeys(files))
    for model in spec.models:
        # Only names and shapes are read: what the stages before read, they have verified.
        manifest = load_manifest(root / paths.CHECKPOINT.format(model=model), verify=False)
        folder = PurePath(paths.MASK.format(model=model, mask="any")).parent
        for place in (PurePath(place) for place in places):
            if place.parent == folder:
                path = root / place.with_suffix(PurePath(paths.MASK).suffix)
                mask = Mask.load(path)
                check_made_from(path, mask.header, manifest)
                yield model, mask, manifest
