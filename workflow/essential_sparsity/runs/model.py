"""The model of a run: the checkpoint's weights, proven to be there, under a freshly drawn head."""

from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, set_seed

from essential_sparsity.architectures.architecture import find_scope
from essential_sparsity.checkpoints.contents import CONFIG
from essential_sparsity.checkpoints.manifest import Manifest, Matrix
from essential_sparsity.checkpoints.tensors import read_tensor
from essential_sparsity.runs.kind import Kind
from essential_sparsity.support.errors import UserError


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
    drawn = _check_drawn(model, report, folder)
    head = [name for name in model.state_dict() if not is_pre_trained(model, name)]
    if not drawn.issuperset(head):
        _draw_head(model, head, kind, seed)
    kind.configure(model)
    for matrix, parameter in match_parameters(model, manifest):
        stored = torch.tensor(read_tensor(folder, matrix).values())
        if not torch.equal(stored, parameter.detach()):
            raise UserError(
                f"{folder}: {matrix.name}: the weights that transformers loaded are not those of "
                f"{matrix.file}; the architecture's names in the scope registry need a look"
            )
    return model


def _check_drawn(model: PreTrainedModel, report: dict[str, Any], folder: Path) -> set[str]:
    """Return what was drawn at random: nothing but the head, and a pooler that feeds it.

    Raises:
        UserError: the weights lack a parameter that pre-training left, or have it in another shape.
    """
    drawn = set(report["missing_keys"]) | {name for name, *_ in report["mismatched_keys"]}
    for name in sorted(drawn):
        if name.startswith(f"{model.base_model_prefix}.") and ".pooler." not in name:
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


def match_parameters(
    model: PreTrainedModel, manifest: Manifest
) -> list[tuple[Matrix, torch.nn.Parameter]]:
    """Return the checkpoint's prunable matrices with the model's parameters that hold them.

    Names differ between a checkpoint and a model that wraps it (prefixes, renamed modules); layer
    and module do not. A pooler that the model's head does without is left out: see `with_unused`.

    Raises:
        UserError: a matrix has no parameter of its shape, or the model has others.
    """
    parameters = dict(model.named_parameters())
    scope = find_scope(manifest.architecture, "the model")
    matrices = manifest.matrices
    if manifest.prunes_pooler:
        scope = scope.covering(parameters)
        matrices = matrices if scope.prunes_pooler else matrices[:-1]
    found = {
        (place.layer, place.module): parameters[name]
        for name, place in scope.find(parameters, f"{type(model).__name__}")
    }
    wanted = {(matrix.layer, matrix.module): matrix for matrix in matrices}
    if set(found) != set(wanted):
        layer, module = sorted(set(found) ^ set(wanted))[0]
        raise UserError(
            f"{type(model).__name__}: layer {layer}, {module}: prunable in the checkpoint or in "
            "the model, not in both"
        )
    for place, matrix in wanted.items():
        if tuple(found[place].shape) != tuple(matrix.shape):
            raise UserError(
                f"{matrix.name}: shape {list(matrix.shape)} in the checkpoint, "
                f"{list(found[place].shape)} in the model"
            )
    return [(matrix, found[place]) for place, matrix in wanted.items()]


def with_unused(
    parameters: list[tuple[Matrix, torch.nn.Parameter]], folder: Path, manifest: Manifest
) -> list[tuple[Matrix, torch.nn.Parameter]]:
    """Return `parameters`, and as stored the matrices that the model does without.

    That is the pooler under a head for questions: a mask covers it, training leaves it as it is.
    """
    used = {matrix.name for matrix, _ in parameters}
    return parameters + [
        (matrix, torch.nn.Parameter(torch.tensor(read_tensor(folder, matrix).values()).float()))
        for matrix in manifest.matrices
        if matrix.name not in used
    ]
