"""What masks cost: memory that does not grow with the model, and no heavy imports."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from miniature_checkpoints import write_checkpoint

_MIB = 1 << 20


def test_memory_does_not_grow_with_the_model(tmp_path: Path) -> None:
    """A checkpoint of 384 MiB passes through less than half of that, and leaves nine masks."""
    draw = np.random.default_rng(0)
    block = draw.normal(size=(4096, 1024)).astype(np.float16).view(np.uint16)
    folder = write_checkpoint(tmp_path / "c", [block] * 48, "F16", shards=3)  # 384 MiB
    code = f"""
from pathlib import Path
from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.masks.computation import compute_masks
from essential_sparsity.masks.criteria.magnitude import Magnitude
out = Path({str(tmp_path)!r}) / "masks"
with Checkpoint.survey(Path({str(folder)!r})) as checkpoint:
    specs = [Magnitude(sparsity=k / 10) for k in range(1, 10)]
    compute_masks(checkpoint, {{out / f"{{s.name}}.safetensors": s for s in specs}}, threads=2)
status = Path('/proc/self/status').read_text()  # of this program alone, unlike getrusage's
print(status.split('VmHWM:')[1].split()[0])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(list((tmp_path / "masks").glob("*.safetensors"))) == 9
    assert int(run.stdout) * 1024 < 160 * _MIB


def test_no_mask_needs_torch() -> None:
    code = (
        "import sys\n"
        "import essential_sparsity.masks.__main__, essential_sparsity.masks.histogram\n"
        "from essential_sparsity.masks.registry import known_criteria\n"
        "known_criteria()\n"
        "print(*{'torch', 'transformers', 'pandas', 'datasets'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""
