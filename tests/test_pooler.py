"""A model whose pooler is pruned: masks, runs, tickets, commands and figures all cover it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.tensors import read_tensor
from essential_sparsity.command.__main__ import dispatch
from essential_sparsity.masks.computation import compute_masks
from essential_sparsity.masks.criteria.dense import Dense
from essential_sparsity.masks.criteria.magnitude import Magnitude
from essential_sparsity.masks.criteria.noisy_magnitude import NoisyMagnitude
from essential_sparsity.masks.criteria.ticket import Ticket
from essential_sparsity.masks.criterion import Criterion, Inputs
from essential_sparsity.masks.mask import Mask
from essential_sparsity.metrics.scoring import Scoring
from essential_sparsity.runs.job import Job
from essential_sparsity.runs.procedures.fine_tuning.spec import RunSpec
from essential_sparsity.stages import paths
from essential_sparsity.support.errors import UserError
from essential_sparsity.tasks.manifest import TaskData
from miniatures import save_bert, write_examples
from stages import Stages, recipe_of

LAYERS = 4096  # prunable weights of the miniature's layers
POOLER = "pooler.dense.weight"  # 16 × 16
TOTAL = LAYERS + 256

Compute = Callable[[Criterion], Mask]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    """A BERT of two layers whose pooler is pruned."""
    folder = tmp_path_factory.mktemp("pooler")
    save_bert(folder / "model")
    source = {"kind": "folder", "path": str(folder / "model")}
    return Stages.fetch(folder, source, prune_pooler=True)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, made: Stages) -> Stages:
    """The same BERT, its pooler left whole."""
    folder = tmp_path_factory.mktemp("plain")
    return Stages.fetch(folder, {"kind": "folder", "path": str(made.folder / "model")})


def beside(made: Stages, folder: Path) -> Stages:
    """Return the checkpoint in a folder of its own: a task, or a run, each needs one."""
    (folder / "checkpoint").symlink_to(made.checkpoint)
    return Stages(folder, made.manifest)


@pytest.fixture(scope="module")
def texts(made: Stages) -> TaskData:
    write_examples(made.folder / "data")
    files = {s: str(made.folder / "data" / f"{s}.csv") for s in ("train", "evaluation")}
    examples = {"kind": "text-classification", "fields": ["text"], "labels": ["bad", "good"]}
    return made.task(data={"kind": "files", **files}, examples=examples, max_length=24)


@pytest.fixture(scope="module")
def questions(made: Stages, tmp_path_factory: pytest.TempPathFactory) -> TaskData:
    """A task whose head reads no pooler."""
    folder = tmp_path_factory.mktemp("questions")
    answers = {"text": ["be"], "answer_start": [3]}
    rows = [{"question": "fa", "context": "ba be bi bo", "answers": answers}] * 16
    files = {}
    for split in ("train", "evaluation"):
        files[split] = str(folder / f"{split}.parquet")
        pq.write_table(pa.Table.from_pylist(rows), files[split])
    return beside(made, folder).task(
        data={"kind": "files", **files},
        examples={"kind": "question-answering"},
        max_length=16,
        stride=4,
    )


@pytest.fixture
def compute(made: Stages, tmp_path: Path) -> Compute:
    def one(spec: Criterion) -> Mask:
        path = tmp_path / f"{spec.name}.safetensors"
        with Checkpoint.load(made.checkpoint) as checkpoint:
            compute_masks(checkpoint, {path: spec})
        return Mask.load(path)

    return one


@pytest.mark.parametrize("scope", ["global", "layer", "row", "erk"])
def test_counts_are_exact_with_the_pooler_in_every_scope(scope: Any, compute: Compute) -> None:
    mask = compute(Magnitude(scope=scope, sparsity=0.25))
    assert mask.matrices[-1] == POOLER
    assert mask.header.total == TOTAL
    removed = mask.removed()
    assert sum(removed.values()) == TOTAL // 4
    assert removed[POOLER] > 0
    if scope in ("layer", "row"):
        assert removed[POOLER] == 64


def test_a_pattern_covers_the_pooler(compute: Compute) -> None:
    keep = compute(Magnitude(pattern="2:4")).keep(POOLER)
    assert (keep.reshape(-1, 4).sum(axis=1) == 2).all()


def test_the_layers_lose_what_they_lose_without_it(made: Stages, plain: Stages) -> None:
    """A scope that looks at each matrix alone is blind to the other matrices."""
    spec = Magnitude(scope="layer", sparsity=0.5)
    packed = []
    for stages in (made, plain):
        path = stages.folder / "layer.safetensors"
        with Checkpoint.load(stages.checkpoint) as checkpoint:
            compute_masks(checkpoint, {path: spec})
        packed.append(Mask.load(path).packed)
    assert [*packed[1], POOLER] == list(packed[0])
    assert all(np.array_equal(packed[0][name], packed[1][name]) for name in packed[1])


def test_a_run_holds_the_poolers_zeros_at_every_step(
    made: Stages, texts: TaskData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from essential_sparsity.runs.training.trainer import Progress

    mask = made.mask(0.5)
    keep = torch.from_numpy(mask.keep(POOLER))
    steps = []

    def look(self: Progress, args: Any, state: Any, control: Any, **extra: Any) -> None:
        steps.append(extra["model"].bert.pooler.dense.weight.detach().clone())

    monkeypatch.setattr(Progress, "on_step_end", look)
    outcome = beside(made, tmp_path).run(texts, mask, "accuracy", train_examples=32)
    assert len(steps) == 4
    stored = torch.tensor(stored_pooler(made))
    for weights in steps:
        assert not weights[~keep].any()
        assert not torch.equal(weights[keep], stored[keep])
    assert outcome.movement[POOLER] > 0


def test_a_mask_of_the_other_scope_is_refused(made: Stages, plain: Stages, texts: TaskData) -> None:
    with pytest.raises(UserError, match=rf"{POOLER}: the mask's matrix differs"):
        made.run(texts, plain.mask(0.5), "accuracy")


def test_a_head_without_a_pooler_leaves_it_as_it_was(
    made: Stages, questions: TaskData, tmp_path: Path
) -> None:
    stages, mask = beside(made, tmp_path), made.mask(0.5)
    outcome = stages.run(questions, mask, "span-f1", max_length=16, stride=4)
    assert outcome.movement[POOLER] == 0
    assert all(moved > 0 for name, moved in outcome.movement.items() if name != POOLER)


def test_noise_as_far_as_such_a_run_moved_leaves_the_pooler(made: Stages, tmp_path: Path) -> None:
    movement = {matrix.name: float(matrix.name != POOLER) for matrix in made.manifest.matrices}
    (tmp_path / "movement.json").write_text(json.dumps(movement))
    specs = [
        Magnitude(scope="layer", sparsity=0.5),
        NoisyMagnitude(scope="layer", sparsity=0.5, task="squad", recipe="quick-1"),
    ]
    wanted = {tmp_path / f"{spec.name}.safetensors": spec for spec in specs}
    inputs = Inputs(files={"norms": tmp_path / "movement.json"})
    with Checkpoint.load(made.checkpoint) as checkpoint:
        compute_masks(checkpoint, wanted, inputs)
    plain, noisy = (Mask.load(path).packed for path in wanted)
    assert [np.array_equal(plain[name], noisy[name]) for name in plain] == [False] * 12 + [True]


@pytest.mark.parametrize("task", ["texts", "questions"])
def test_a_tickets_rounds_are_exact_and_rewind_the_pooler(
    task: str,
    made: Stages,
    compute: Compute,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from essential_sparsity.runs.training.companion import Rewound
    from essential_sparsity.runs.training.resume import RestartPoint
    from essential_sparsity.tickets.training import find_mask

    data: TaskData = request.getfixturevalue(task)
    starts: list[np.ndarray[Any, Any]] = []

    def look(self: Rewound, held: Any, weights: Any, resumed: Any) -> list[Any]:
        starts.append({w.matrix.name: w.values.numpy().copy() for w in weights}[POOLER])
        return []

    monkeypatch.setattr(Rewound, "callbacks", look)
    compute(Dense())
    begun, masks = tmp_path / "dense.safetensors", []
    settings = {"texts": {}, "questions": {"max_length": 16, "stride": 4}}[task]
    scoring = Scoring.of({"texts": "accuracy", "questions": "span-f1"}[task])
    run = RunSpec(recipe=recipe_of(learning_rate=1e-2, **settings), seed=1)
    for sparsity in (0.25, 0.5):
        spec = Ticket(sparsity=sparsity, step=0.25, task=task, recipe="quick-1", seed=1)
        path = tmp_path / f"{spec.name}.safetensors"
        restart = RestartPoint(tmp_path / spec.name, "identity")
        with Checkpoint.load(made.checkpoint) as checkpoint:
            job = Job(
                made.checkpoint, made.manifest, data, Mask.load(begun), run, restart, spec.name,
                scoring,
            )  # fmt: skip
            find_mask(checkpoint, job, begun, spec, tmp_path, path, threads=1)
        begun = path
        masks.append(Mask.load(path))
        assert sum(masks[-1].removed().values()) == sparsity * TOTAL
        assert 0 < masks[-1].removed()[POOLER] < 256
    assert masks[1].is_nested_in(masks[0])
    kept, stored = masks[0].keep(POOLER), stored_pooler(made)
    assert np.array_equal(starts[0], stored)
    assert np.array_equal(starts[1], np.where(kept, stored, 0))


def stored_pooler(made: Stages) -> np.ndarray[Any, Any]:
    matrix = made.manifest.matrices[-1]
    assert matrix.name == POOLER
    return np.array(read_tensor(made.checkpoint, matrix).values())


@pytest.fixture
def mask_file(made: Stages) -> Path:
    made.mask(0.5)
    return made.folder / "magnitude-global-s0.50.safetensors"


def test_a_mask_is_shown_with_its_pooler(
    mask_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dispatch(["mask", "show", str(mask_file)])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    own = f"{100 - 100 * Mask.load(mask_file).removed()[POOLER] / 256:.1f}"
    assert ["pooler", own] in lines
    assert [line[0] for line in lines[-4:]] == ["0", "1", "pooler", "all"]
    assert lines[-1][-1] == "50.0"
    dispatch(["mask", "show", str(mask_file), "--json"])
    matrix = json.loads(capsys.readouterr().out)["matrices"][-1]
    assert (matrix["layer"], matrix["module"], matrix["part"]) == (2, "pooler", "pooler")


def test_a_mask_is_applied_to_the_pooler_and_imported_again(
    made: Stages, mask_file: Path, tmp_path: Path
) -> None:
    pruned = tmp_path / "pruned"
    dispatch(["mask", "apply", str(mask_file), str(made.checkpoint), "--output", str(pruned)])
    back = tmp_path / "back.safetensors"
    words = ["--checkpoint", str(made.checkpoint), "--output", str(back)]
    dispatch(["mask", "import", str(pruned), *words])
    mask, again = Mask.load(mask_file), Mask.load(back)
    assert again.removed() == mask.removed()
    assert np.array_equal(again.packed[POOLER], mask.packed[POOLER])


def test_a_checkpoint_that_leaves_the_pooler_whole_says_so(
    made: Stages, plain: Stages, mask_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=rf"'{POOLER}' is .* or a pooler that is not pruned in it"):
        dispatch(
            [
                "mask",
                "apply",
                str(mask_file),
                str(plain.checkpoint),
                "--output",
                str(tmp_path / "p"),
            ]
        )
    plain.mask(0.5)
    other = plain.folder / mask_file.name
    with pytest.raises(UserError, match="layer 2's pooler is absent"):
        dispatch(
            ["mask", "apply", str(other), str(made.checkpoint), "--output", str(tmp_path / "p")]
        )


def test_figures_of_masks_and_weights_have_it(made: Stages, tmp_path: Path) -> None:
    from essential_sparsity.drawing.spec import FigureSpec
    from essential_sparsity.figures.distribution import draw as distribution_figure
    from essential_sparsity.figures.distribution.tables import compute as compute_distribution
    from essential_sparsity.figures.placement import draw as placement_figure
    from essential_sparsity.figures.placement.spec import PlacementSpec
    from essential_sparsity.figures.placement.tables import compute as compute_placement
    from essential_sparsity.figures.positions import draw as positions_figure
    from essential_sparsity.figures.positions.spec import PositionsSpec
    from essential_sparsity.figures.positions.tables import compute as compute_positions
    from essential_sparsity.support.tables import provenance, write_table
    from essential_sparsity.weights.measurement import measure_weights
    from essential_sparsity.weights.spec import WeightsSpec

    spec = Magnitude(sparsity=0.5)
    folder = tmp_path / paths.CHECKPOINT.format(model="m")
    folder.parent.mkdir()
    folder.symlink_to(made.checkpoint)
    with Checkpoint.load(folder) as checkpoint:
        compute_masks(checkpoint, {tmp_path / paths.MASK.format(model="m", mask=spec.name): spec})
        weights = measure_weights(checkpoint, "m", WeightsSpec())
    write_table(
        tmp_path / "w.parquet",
        weights,
        provenance("essential_sparsity.weights", WeightsSpec().document()),
    )
    words = FigureSpec(models={"m": "M"})
    files = [paths.MASK_MANIFEST.format(model="m", mask=spec.name)]

    placement = compute_placement(tmp_path, files, PlacementSpec(models=("m",)))["placement"]
    assert placement["layer"].to_pylist()[-1] == 2
    drawn = placement_figure.select({"placement": placement}, words)
    placement_figure.draw(drawn, words)
    shares = [r for r in drawn.to_pylist() if r["element"] == "share"]
    assert shares[-1]["module"] == "pooler"

    for options in ({}, {"layers": (0, 2)}):
        positions = compute_positions(tmp_path, files, PositionsSpec(models=("m",), **options))
        positions_figure.draw(positions_figure.select(positions, words), words)
    assert "pooler" in positions["dispersion"]["module"].to_pylist()

    distribution = compute_distribution(tmp_path, ["w.parquet"], WeightsSpec())
    distribution_figure.draw(distribution_figure.select(distribution, words), words)
    assert set(distribution["density"]["layer"].to_pylist()) == {0, 1, 2}
