import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn.preprocessing import MaxAbsScaler, Normalizer, StandardScaler

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.tables import origin_of
from essential_sparsity.weights import __main__ as stage
from essential_sparsity.weights.measurement import SCHEMA, measure_weights
from essential_sparsity.weights.spec import WeightsSpec
from miniature_checkpoints import names_of, to_bits, write_checkpoint

Weights = list[NDArray[np.float64]]
SPEC = WeightsSpec(thresholds=(0.001, 0.01), relative_thresholds=(0.05, 0.5))


def values_of(bits: NDArray[Any], dtype: str) -> NDArray[np.float64]:
    """What was stored, read by other means than the package's."""
    if dtype == "BF16":
        return (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return bits.view({"F16": np.float16, "F32": np.float32, "F64": np.float64}[dtype]).astype(
        np.float64
    )


def save(folder: Path, dtype: str = "F32", layers: int = 2, columns: int = 40) -> Weights:
    """Write a BERT whose matrices differ in spread and size; return what is stored."""
    draw = np.random.default_rng(11)
    stored = []
    for index in range(6 * layers):
        values = draw.standard_t(5, (16 + 8 * (index % 3), columns)) * 0.01 * (1 + index)
        values.ravel()[:: 50 + index] = 0.0
        stored.append(to_bits(values + 0.001, dtype))
        stored[-1].ravel()[:3] = 0
    write_checkpoint(folder, stored, dtype)
    return [values_of(bits, dtype) for bits in stored]


def measure(folder: Path, spec: WeightsSpec = SPEC, threads: int | None = 1) -> pa.Table:
    with Checkpoint.survey(folder) as checkpoint:
        return measure_weights(checkpoint, "bert", spec, threads)


def rows_of(table: pa.Table, level: str) -> list[dict[str, Any]]:
    return [row for row in table.to_pylist() if row["level"] == level]


def exact_gini(values: NDArray[np.float64]) -> float:
    """The mean difference over all pairs."""
    magnitudes = np.abs(values)
    differences = np.abs(magnitudes[:, None] - magnitudes[None, :])
    return float(differences.mean() / (2 * magnitudes.mean()))


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16", "F64"])
def test_every_level_is_measured_as_one_vector(tmp_path: Path, dtype: str) -> None:
    weights = save(tmp_path, dtype)
    table = measure(tmp_path)
    assert table.schema == SCHEMA
    assert table["level"].to_pylist() == ["model", *(["layer", *["matrix"] * 6] * 2)]
    assert [row["matrix"] for row in rows_of(table, "matrix")] == names_of(12)
    parts = {
        "model": [weights],
        "layer": [weights[:6], weights[6:]],
        "matrix": [[matrix] for matrix in weights],
    }
    for level, expected in parts.items():
        for row, matrices in zip(rows_of(table, level), expected, strict=True):
            vector = np.concatenate([matrix.ravel() for matrix in matrices])
            assert row["weights"] == len(vector)
            assert row["zeros"] == (vector == 0).sum() >= 3 * len(matrices)
            assert row["mean"] == pytest.approx(vector.mean(), rel=1e-12)
            assert row["sigma"] == pytest.approx(vector.std(), rel=1e-12)
            assert row["largest"] == np.abs(vector).max()
            assert row["norm"] == pytest.approx(np.linalg.norm(vector), rel=1e-12)
            assert row["kurtosis"] == pytest.approx(stats.kurtosis(vector), rel=1e-10)
            assert row["gini"] == pytest.approx(exact_gini(vector), abs=1e-4)
            assert row["near_zero"] == [(np.abs(vector) < t).sum() for t in SPEC.thresholds]
            # Every weight is held against the σ of its own matrix, at every level.
            assert row["near_zero_relative"] == [
                sum((np.abs(m) < t * m.std()).sum() for m in matrices)
                for t in SPEC.relative_thresholds
            ]


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
@pytest.mark.parametrize("scaling", ["max-abs", "standard", "l2"])
def test_densities_are_of_what_scikit_learn_returns(
    tmp_path: Path, scaling: Any, dtype: str
) -> None:
    weights = save(tmp_path, dtype)
    table = measure(tmp_path, WeightsSpec(scaling=scaling))
    for row, matrices in zip(rows_of(table, "layer"), (weights[:6], weights[6:]), strict=True):
        vector = np.concatenate([matrix.ravel() for matrix in matrices])[:, None]
        if scaling == "max-abs":
            normalised = MaxAbsScaler().fit_transform(vector)
        elif scaling == "standard":
            normalised = StandardScaler().fit_transform(vector)
        else:
            normalised = Normalizer().fit_transform(vector.T).T * np.sqrt(len(vector))
        assert (vector - row["shift"]) / row["scale"] == pytest.approx(normalised, rel=1e-9)
        edges, counts = np.array(row["edges"]), row["counts"]
        assert len(edges) == len(counts) + 1 == 102
        assert edges == pytest.approx(-edges[::-1])
        expected, _ = np.histogram(normalised, edges)
        # A weight at an edge may fall to either side of it.
        assert np.abs(np.cumsum(counts) - np.cumsum(expected)).max() <= 2
        assert 0.998 <= sum(counts) / len(vector) <= 1
    others = [row for row in table.to_pylist() if row["level"] != "layer"]
    assert {(row["scale"], row["edges"]) for row in others} == {(None, None)}


def test_chunks_and_threads_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path)
    whole = measure(tmp_path)
    monkeypatch.setattr("essential_sparsity.masks.streaming._CHUNK", 8 * 40)
    cut, by_three = measure(tmp_path), measure(tmp_path, threads=3)
    assert cut.equals(by_three)
    for one, other in zip(whole.to_pylist(), cut.to_pylist(), strict=True):
        for name, value in one.items():
            exact = isinstance(value, (int, str)) or value is None
            assert other[name] == (value if exact else pytest.approx(value, rel=1e-9)), name


def test_progress_counts_every_weight_twice(tmp_path: Path) -> None:
    done: list[int] = []
    weights = save(tmp_path)
    with Checkpoint.survey(tmp_path) as checkpoint:
        measure_weights(checkpoint, "m", SPEC, 1, done.append)
    assert sum(done) == 2 * sum(matrix.size for matrix in weights)


def test_a_threshold_is_not_below_itself(tmp_path: Path) -> None:
    # 1/8 in every format; float32's 0.1 is a little more than 0.1, its 0.3 (0.30000001) as well.
    matrix = to_bits(np.array([[0.125, 0.1, 0.3, -0.125]] * 8), "F32")
    write_checkpoint(tmp_path, [matrix] * 6)
    spec = WeightsSpec(thresholds=(0.125, 0.1, 0.2, 0.3))
    assert rows_of(measure(tmp_path, spec), "matrix")[0]["near_zero"] == [8, 0, 24, 24]


def test_normal_weights_have_the_known_shape(tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    write_checkpoint(
        tmp_path, [to_bits(draw.normal(0, 0.02, (256, 256)), "F16") for _ in range(6)], "F16"
    )
    (row,) = rows_of(measure(tmp_path, WeightsSpec()), "layer")
    assert row["gini"] == pytest.approx(np.sqrt(2) - 1, abs=2e-3)
    assert row["kurtosis"] == pytest.approx(0, abs=0.03)
    shares = np.array(row["near_zero_relative"]) / row["weights"]
    expected = [2 * stats.norm.cdf(t) - 1 for t in WeightsSpec().relative_thresholds]
    assert shares == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("scaling", ["max-abs", "standard", "l2"])
@pytest.mark.parametrize("value", [0.0, 0.25])
def test_a_layer_of_weights_that_are_all_alike(tmp_path: Path, scaling: Any, value: float) -> None:
    write_checkpoint(tmp_path, [to_bits(np.full((8, 8), value), "F32")] * 6)
    (row,) = rows_of(measure(tmp_path, WeightsSpec(scaling=scaling)), "layer")
    assert (row["sigma"], row["kurtosis"]) == (0, None)
    assert row["gini"] == (None if value == 0 else pytest.approx(0))
    assert row["scale"] == (1 if value == 0 or scaling == "standard" else value)
    assert sum(row["counts"]) == row["weights"]


def test_bins_reach_beyond_zero_where_most_weights_are_zero(tmp_path: Path) -> None:
    values = np.zeros((80, 80))
    values[0, 0] = 2.0
    write_checkpoint(tmp_path, [to_bits(values, "F32")] * 6)
    (row,) = rows_of(measure(tmp_path, WeightsSpec(scaling="l2")), "layer")
    assert row["edges"][-1] == pytest.approx(80)  # 2 over a root mean square of 2/80
    assert (row["counts"][50], row["counts"][-1]) == (6 * 6399, 6)


@pytest.mark.parametrize("value", [np.nan, -np.inf])
@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16", "F64"])
def test_a_weight_that_is_no_number_is_named(tmp_path: Path, dtype: str, value: float) -> None:
    matrices = [to_bits(np.ones((16, 8)), dtype).copy() for _ in range(6)]
    matrices[3][9, 2] = to_bits([value], dtype)[0]
    write_checkpoint(tmp_path, matrices, dtype)
    what = "not a number" if np.isnan(value) else "infinite"
    name = r"attention\.output\.dense\.weight"
    with pytest.raises(UserError, match=rf"{name}: weight \[9, 2\] is {what}"):
        measure(tmp_path)


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "checkpoints/bert"
    save(folder)
    with Checkpoint.survey(folder) as checkpoint:
        identity = checkpoint.manifest.sha256
        (folder / "checkpoint.json").write_text(checkpoint.manifest.model_dump_json())
    monkeypatch.chdir(tmp_path)
    output = "distribution/bert/12345678.parquet"
    arguments = ["--spec", SPEC.canonical(), "--model", "bert", "--threads", "1"]
    monkeypatch.setattr(sys, "argv", ["weights", *arguments, "--output", output])
    stage.main()
    table = pq.read_table(output)
    assert table.replace_schema_metadata(None).equals(measure(folder))
    origin = origin_of(table)
    assert origin["spec"] == SPEC.document()
    assert origin["inputs"] == {"checkpoint": identity}


def test_a_changed_checkpoint_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "checkpoints/bert"
    save(folder)
    with Checkpoint.survey(folder) as checkpoint:
        (folder / "checkpoint.json").write_text(checkpoint.manifest.model_dump_json())
    bytes_ = bytearray((folder / "model.safetensors").read_bytes())
    bytes_[-1] ^= 1
    (folder / "model.safetensors").write_bytes(bytes_)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sys, "argv", ["weights", "--spec", "{}", "--model", "bert", "--output", "x.parquet"]
    )
    with pytest.raises(UserError, match=r"model\.safetensors: changed since it was fetched"):
        stage.main()
    assert not Path("x.parquet").exists()
