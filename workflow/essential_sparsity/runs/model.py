"""The model of a run: the checkpoint's weights, proven to be there, under a freshly drawn head."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, set_seed

from essential_sparsity.architectures import find_architecture
from essential_sparsity.architectures.architecture import Architecture, Layout
from essential_sparsity.checkpoints.contents import CONFIG
from essential_sparsity.checkpoints.manifest import Manifest, Matrix
from essential_sparsity.checkpoints.tensors import read_tensor
from essential_sparsity.runs.kind import Kind
from essential_sparsity.support.errors import UserError


@dataclass(frozen=True)
class Weight:
    """A prunable matrix of a checkpoint, and the model's parameter that holds it.

    `layout` is how it lies in the parameter, None where it is all of it.
    """

    matrix: Matrix
    parameter: torch.nn.Parameter
    layout: Layout | None = None

    def view(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the matrix's part of a tensor of the parameter's shape, see `Layout.view`."""
        part: torch.Tensor = self.layout.view(tensor) if self.layout else tensor
        return part

    @property
    def values(self) -> torch.Tensor:
        """The matrix, (out, in), as it is now."""
        return self.view(self.parameter.detach()).reshape(self.matrix.shape)


def load_model(folder: Path, manifest: Manifest, kind: Kind, seed: int) -> PreTrainedModel:
    """Return the checkpoint with the head that `kind` asks for, drawn from `seed`, in fp32.

    The head depends on the seed alone, not on the mask, which is applied later: that pairs runs
    across sparsities.

    Raises:
        UserError: the loaded weights are not those of the checkpoint's files, or see
            `kind.configure`.
    """
    set_seed(seed)
    model: PreTrainedModel
    model, report = kind.auto_class.from_pretrained(
        folder,
        output_loading_info=True,
        dtype=torch.float32,
        local_files_only=True,
        trust_remote_code=False,
        ignore_mismatched_sizes=True,
        **kind.head(),
    )
    architecture = find_architecture(manifest.architecture, "the model")
    drawn = _check_drawn(model, report, folder, architecture)
    head = [name for name in model.state_dict() if not is_pre_trained(model, name)]
    if not drawn.issuperset(head):
        _draw_head(model, head, kind, seed)
    kind.configure(model)
    for weight in match_parameters(model, manifest):
        matrix = weight.matrix
        stored = torch.tensor(read_tensor(folder, matrix).values())
        if not torch.equal(stored, weight.values):
            raise UserError(
                f"{folder}: {matrix.name}: the weights that transformers loaded are not those of "
                f"{matrix.file}; the architecture's names need a look"
            )
    return model


def _check_drawn(
    model: PreTrainedModel, report: dict[str, Any], folder: Path, architecture: Architecture
) -> set[str]:
    """Return what was drawn at random: nothing but the head, and a pooler that feeds it.

    Raises:
        UserError: the weights lack a parameter that pre-training left, or have it in another shape.
    """
    drawn = set(report["missing_keys"]) | {name for name, *_ in report["mismatched_keys"]}
    for name in sorted(drawn):
        pre_trained = name.startswith(f"{model.base_model_prefix}.")
        if pre_trained and not architecture.is_pooler(name):
            raise UserError(
                f"{folder}: {name}: missing from the weights, or of another shape than "
                f"{CONFIG} says; it would start from random numbers"
            )
    return drawn


def is_pre_trained(model: PreTrainedModel, name: str) -> bool:
    """Tell whether a tensor is the base model's, or the head of a language model."""
    language_model = model.get_output_embeddings() is not None  # type: ignore[no-untyped-call]
    return language_model or name.startswith(f"{model.base_model_prefix}.")


def _draw_head(model: PreTrainedModel, names: list[str], kind: Kind, seed: int) -> None:
    """Draw a head that the checkpoint brought along: it is of another task, if of equal shape."""
    set_seed(seed)
    fresh = kind.auto_class.from_config(model.config, dtype=torch.float32).state_dict()
    model.load_state_dict({name: fresh[name] for name in names}, strict=False)


def match_parameters(model: PreTrainedModel, manifest: Manifest) -> list[Weight]:
    """Return the checkpoint's prunable matrices with the model's parameters that hold them.

    Names differ between a checkpoint and a model that wraps it (prefixes, renamed modules); layer
    and module do not. A pooler that the model's head does without is left out: see `with_unused`.

    Raises:
        UserError: a matrix has no parameter of its shape, or the model has others.
    """
    where = type(model).__name__
    parameters = dict(model.named_parameters())
    shapes = {name: tuple(parameter.shape) for name, parameter in parameters.items()}
    pooler = None if manifest.prunes_pooler else False
    architecture = find_architecture(manifest.architecture, "the model")
    found = {
        (matrix.place.layer, matrix.place.module): matrix
        for matrix in architecture.find(shapes, where, model.config.to_dict(), pooler)
    }
    wanted = {(matrix.layer, matrix.module): matrix for matrix in manifest.matrices}
    unused = {place for place, matrix in wanted.items() if matrix.part == "pooler"} - set(found)
    if odd := sorted(set(found) ^ set(wanted) - unused):
        raise UserError(
            f"{where}: layer {odd[0][0]}, {odd[0][1]}: prunable in the checkpoint or in the model, "
            "not in both"
        )
    weights = []
    for place, matrix in wanted.items():
        if place in unused:
            continue
        other = found[place]
        shape = other.shape(shapes[other.tensor])
        if shape != matrix.shape:
            raise UserError(
                f"{matrix.name}: shape {list(matrix.shape)} in the checkpoint, "
                f"{list(shape)} in the model"
            )
        weights.append(Weight(matrix, parameters[other.tensor], other.layout))
    return weights


def with_unused(weights: list[Weight], folder: Path, manifest: Manifest) -> list[Weight]:
    """Return `weights`, and as stored the matrices that the model does without.

    That is the pooler under a head for questions: a mask covers it, training leaves it as it is.
    """
    used = {weight.matrix.name for weight in weights}
    unused = [matrix for matrix in manifest.matrices if matrix.name not in used]
    stored = [torch.tensor(read_tensor(folder, matrix).values()).float() for matrix in unused]
    return weights + list(map(Weight, unused, map(torch.nn.Parameter, stored)))
