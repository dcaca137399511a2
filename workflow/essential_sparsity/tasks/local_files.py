"""Data of one's own: a file a split, CSV, JSON lines or Parquet."""

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from essential_sparsity.support.errors import UserError, one_line
from essential_sparsity.support.files import sha256_of
from essential_sparsity.tasks.source import SPLITS, Source, with_ids
from essential_sparsity.tasks.spec import LocalFiles

_READERS = {
    ".csv": pyarrow.csv.read_csv,
    ".jsonl": pyarrow.json.read_json,
    ".parquet": pq.read_table,
}


def load(data: LocalFiles) -> Source:
    """Return the two files' columns; rows are named by their number, or by a column `id`."""
    files = {split: Path(getattr(data, split)) for split in SPLITS}
    for file in files.values():
        if not file.is_file():
            raise UserError(f"{file}: no such file; data.train and data.evaluation name files")
    origin = {split: {"file": f.name, "sha256": sha256_of(f)} for split, f in files.items()}
    tables = {split: with_ids(_read(file), split, own=True) for split, file in files.items()}
    return Source(tables, {}, origin)


def _read(file: Path) -> pa.Table:
    if file.suffix not in _READERS:
        raise UserError(f"{file}: '{file.suffix}' is none of {', '.join(_READERS)}")
    try:
        return _READERS[file.suffix](file)
    except pa.ArrowException as error:
        raise UserError(f"{file}: not a readable {file.suffix} file: {one_line(error)}") from None
