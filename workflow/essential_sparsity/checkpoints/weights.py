"""Writing weights: one safetensors file, as readable as any other file."""

from pathlib import Path
from typing import TYPE_CHECKING

from essential_sparsity.support.errors import UserError, one_line
from essential_sparsity.support.files import umask
from essential_sparsity.support.seal import BLANK, KEY, seal

if TYPE_CHECKING:
    import torch


def write_weights(path: Path, state: "dict[str, torch.Tensor]", sealed: bool = False) -> None:
    """Write contiguous tensors that share no memory to `path`.

    They are marked as torch's for transformers, or else `sealed`, where no manifest has the
    file's digest: the library writes more than one mark in an order of chance.

    Raises:
        UserError: the file cannot be written.
    """
    # Imported here: whoever only fetches weights does without torch, which takes seconds to load.
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(state, path, metadata={KEY: BLANK} if sealed else {"format": "pt"})
    except SafetensorError as error:
        raise UserError(f"{path}: cannot be written: {one_line(error)}") from None
    # The library makes files that only their owner can read.
    path.chmod(0o666 & ~umask())
    if sealed:
        seal(path)
