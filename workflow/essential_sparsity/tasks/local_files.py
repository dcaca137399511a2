"""Data of one's own: a file a split, CSV, JSON lines or Parquet."""

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from essential_sparsity.support.errors import UserError, one_line
from essential_sparsity.support.files import sha256_of
from essential_sparsity.tasks.source import SPLITS, Source
from essential_sparsity.tasks.spec import LocalFiles

_READERS = {
    ".csv": pyarrow.csv.read_csv,
    ".jsonl": pyarrow.json.read_json,
    ".parquet": pq.read_table,
}


def load(data: LocalFiles) -> Source:
    """Return the two files' columns; rows are named by their number, or by a column `id`.

    Raises:
        UserError: a file is missing, of another kind, or damaged.
    """
    files = {split: Path(getattr(data, split)) for split in SPLITS}
    origin = {split: {"file": file.name, "sha256": _hash(file)} for split, file in files.items()}
    return Source({split: _read(file, split) for split, file in files.items()}, {}, origin)


def _hash(file: Path) -> str:
    if not file.is_file():
        raise UserError(f"{file}: no such file; data.train and data.evaluation name files")
    return sha256_of(file)


def _read(file: Path, split: str) -> pa.Table:
    if file.suffix not in _READERS:
        raise UserError(f"{file}: '{file.suffix}' is none of {', '.join(_READERS)}")
    try:
        table = _READERS[file.suffix](file)
    except pa.ArrowException as error:
        raise UserError(f"{file}: not a readable {file.suffix} file: {one_line(error)}") from None
    if "id" in table.column_names:
        ids = [f"{split}/{name}" for name in table.column("id").to_pylist()]
        table = table.drop_columns("id")
    else:
        ids = [f"{split}/{row}" for row in range(table.num_rows)]
    return table.append_column("id", pa.array(ids, pa.string()))
