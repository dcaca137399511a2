"""The control without pre-training: a checkpoint of freshly drawn weights."""

import shutil
from pathlib import Path
from typing import Any

from essential_sparsity.checkpoints.inventory import INDEX, WEIGHTS
from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.checkpoints.spec import RandomSource
from essential_sparsity.checkpoints.weights import write_weights
from essential_sparsity.support.errors import UserError


def draw_random_start(source: RandomSource, target: Path, base: Path | None) -> dict[str, Any]:
    """Write float32 weights drawn from `source.seed`, as the architecture initialises itself.

    Configuration and tokenizer are those of the checkpoint in `base`.

    Raises:
        UserError: no base is given, or it is not a sound checkpoint.
    """
    if base is None:
        raise UserError(f"a random start needs --base, the folder of the checkpoint '{source.of}'")
    manifest = load_manifest(base)
    weights = {matrix.file for matrix in manifest.matrices} | {WEIGHTS, INDEX}
    for name in manifest.files:
        if name not in weights and not name.endswith(".safetensors"):
            shutil.copyfile(base / name, target / name)
    _write_weights(target, source.seed)
    return {"base_sha256": manifest.sha256}


def _write_weights(folder: Path, seed: int) -> None:
    # Imported here: the other sources do without these, and they take seconds to load.
    import torch
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModel.from_config(  # type: ignore[no-untyped-call]
            config, dtype=torch.float32, trust_remote_code=False
        )
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    write_weights(folder / WEIGHTS, state)
