"""A disk that fills while a file is written, at whichever byte: one line, and no file is left."""

import re
import resource
import shutil
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from matplotlib.figure import Figure

from essential_sparsity.bundle.archive import write_bundle
from essential_sparsity.checkpoints.weights import write_weights
from essential_sparsity.figures.drawing_stage import save_figure
from essential_sparsity.masks.histogram import Histogram
from essential_sparsity.support.errors import UserError, machine_failure
from essential_sparsity.support.files import atomic_path, write_json
from essential_sparsity.support.tables import write_table

pytestmark = pytest.mark.slow

SIZE = 20_000
NOISE = np.random.default_rng(0).integers(1, 256, SIZE, dtype=np.uint8)


def write_figure(folder: Path, _: Path) -> None:
    # So small that the limit meets the PDF, of which a font, written at once, is the most.
    figure = Figure(figsize=(0.2, 0.2))
    figure.text(0, 0, string.ascii_letters)
    save_figure(folder / "figure", figure, pa.table({"value": NOISE}), {})


def write_numbers(folder: Path, _: Path) -> None:
    write_table(folder / "table.parquet", pa.table({"value": NOISE}), {})


def write_document(folder: Path, _: Path) -> None:
    write_json(folder / "document.json", {"text": "x" * SIZE})


def write_packed(folder: Path, source: Path) -> None:
    write_bundle(folder / "bundle.tar.gz", "study", "studies/study.yaml", {"noise": source})


def write_histogram(folder: Path, _: Path) -> None:
    counts = NOISE[None].astype(np.int64)
    Histogram("0" * 64, 16, "mask", counts).save(folder / "histogram.safetensors")


def write_state(folder: Path, _: Path) -> None:
    with atomic_path(folder / "state.safetensors") as temporary:
        write_weights(temporary, {"weight": torch.zeros(SIZE // 4)}, sealed=True)


WRITERS = [write_figure, write_numbers, write_document, write_packed, write_histogram, write_state]


@contextmanager
def file_sizes_up_to(limit: int) -> Iterator[None]:
    """A limit on file sizes stands in for the disk: the same failing write at the same place."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("write", WRITERS)
def test_a_disk_full_at_any_byte_is_one_line(
    write: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(NOISE.tobytes())
    folder = tmp_path / "folder"
    folder.mkdir()
    write(folder, source)  # what is imported only now is not for a full disk to stop
    sizes = {path.stat().st_size for path in folder.iterdir()}
    shutil.rmtree(folder)
    folder.mkdir()
    parts = {part * size // 20 for size in sizes for part in range(20)}
    for limit in sorted({1, 100} | parts | {size - 1 for size in sizes}):
        with file_sizes_up_to(limit), pytest.raises(Exception) as caught:
            write(folder, source)
        error = caught.value
        line = str(error) if isinstance(error, UserError) else machine_failure(error)
        assert line, f"at byte {limit}: {error!r}"
        assert re.search(r"the file is larger than|File too large", line)
        assert str(folder) in line
        assert list(folder.iterdir()) == []
