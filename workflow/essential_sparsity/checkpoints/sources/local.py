"""Checkpoints that need no network: a folder's, and the control without pre-training."""

import shutil
from pathlib import Path
from typing import Any

from essential_sparsity.checkpoints.inventory import INDEX, WEIGHTS, choose
from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.checkpoints.spec import FolderSource, RandomSource
from essential_sparsity.checkpoints.weights import write_weights
from essential_sparsity.support.errors import UserError


def fetch_from_folder(source: FolderSource, target: Path, base: Path | None) -> dict[str, Any]:
    """Copy the checkpoint that `save_pretrained` wrote to `source.path`."""
    folder = Path(source.path).expanduser()
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    for name in choose(path.name for path in folder.iterdir() if path.is_file()):
        # Copied, not linked: the folder's owner may go on to write into its files.
        shutil.copyfile(folder / name, target / name)
    return {}


def draw_random_start(source: RandomSource, target: Path, base: Path | None) -> dict[str, Any]:
    """Write float32 weights drawn from `source.seed`, as the architecture initialises itself.

    Configuration and tokenizer are those of the checkpoint in `base`.
    """
    if base is None:
        raise UserError(f"a random start needs --base, the folder of the checkpoint '{source.of}'")
    manifest = load_manifest(base)
    weights = {matrix.file for matrix in manifest.matrices} | {WEIGHTS, INDEX}
    for name in manifest.files:
        if name not in weights and not name.endswith(".safetensors"):
            shutil.copyfile(base / name, target / name)
    # Imported here: the other sources do without these, and they take seconds to load.
    import torch
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(target, trust_remote_code=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(source.seed)
        model = AutoModel.from_config(  # type: ignore[no-untyped-call]
            config, dtype=torch.float32, trust_remote_code=False
        )
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    write_weights(target / WEIGHTS, state)
    return {"base_sha256": manifest.sha256}
