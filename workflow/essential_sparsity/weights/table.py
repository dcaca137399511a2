"""The columns of a model's measurement: a row for the model, for each layer, for each matrix."""

import pyarrow as pa

_NUMBERS, _COUNTS = pa.list_(pa.float64()), pa.list_(pa.int64())

# Where a row stands; what does not apply is null.
PLACE = [
    ("level", pa.string()),  # model, layer or matrix
    ("layer", pa.int64()),
    ("matrix", pa.string()),
    ("module", pa.string()),
    ("part", pa.string()),
]
MEASURES = [
    ("weights", pa.int64()),
    ("zeros", pa.int64()),
    ("mean", pa.float64()),
    ("sigma", pa.float64()),
    ("largest", pa.float64()),
    ("norm", pa.float64()),
    ("gini", pa.float64()),
    ("kurtosis", pa.float64()),
]
SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        *PLACE,
        *MEASURES,
        ("near_zero", _COUNTS),  # for each of `thresholds`
        ("near_zero_relative", _COUNTS),  # for each of `relative_thresholds`
        ("shift", pa.float64()),  # of layers: a weight w becomes (w − shift) / scale
        ("scale", pa.float64()),
        ("edges", _NUMBERS),  # of layers: of the normalised weights' bins, one more than `counts`
        ("counts", _COUNTS),
    ]
)
