"""The model of a run is the checkpoint's, to the last weight, and no row minds its neighbours."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from essential_sparsity.checkpoints.tensors import read_tensor
from essential_sparsity.runs.model import HeldMask, match_parameters
from essential_sparsity.support.errors import UserError
from essential_sparsity.tasks.manifest import TaskData
from miniature_repositories import IMAGE, PICKLE, POSITIONS, REPOSITORIES, TEXT_REPOSITORIES
from miniatures import write_examples
from stages import Stages

LENGTH = 24
DECODERS = ["mini/opt", "mini/opt-350m", "mini/llama"]


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Stages]:
    """Return `repository -> stages` behind its checkpoint, made once."""
    found: dict[str, Stages] = {}

    def make(repository: str) -> Stages:
        if repository not in found:
            folder = tmp_path_factory.mktemp(repository.replace("/", "-"))
            REPOSITORIES[repository](folder / "repository")
            source = {"kind": "folder", "path": str(folder / "repository")}
            found[repository] = Stages.fetch(folder, source)
        return found[repository]

    return make


def texts(stages: Stages, *fields: str, length: int = LENGTH) -> TaskData:
    """Return a task of one text or two; its texts are of many lengths."""
    data = stages.folder / "data"
    write_examples(data)
    for split in ("train", "evaluation"):
        with (data / f"{split}.csv").open() as file:
            rows = list(csv.DictReader(file))
        with (data / f"{split}.csv").open("w") as file:
            writer = csv.DictWriter(file, ["text", "again", "label"])
            writer.writeheader()
            writer.writerows({**row, "again": row["text"][:9]} for row in rows)
    return stages.task(
        data={
            "kind": "files",
            "train": str(data / "train.csv"),
            "evaluation": str(data / "evaluation.csv"),
        },
        examples={
            "kind": "text-classification",
            "fields": list(fields or ("text",)),
            "labels": ["bad", "good"],
        },
        max_length=length,
    )


@pytest.mark.parametrize("repository", TEXT_REPOSITORIES)
def test_a_rows_logits_do_not_depend_on_its_batch(
    repository: str, stages: Callable[[str], Stages]
) -> None:
    made = stages(repository)
    model, kind = made.model(texts(made))
    HeldMask(made.mask(0.5), match_parameters(model, made.manifest))
    model.eval()
    table = kind.evaluation()
    rows = kind.dataset(table, "evaluation")
    examples = [rows[index] for index in range(len(rows))]
    lengths = {len(example["input_ids"]) for example in examples}
    assert len(lengths) > 5

    def logits(batch: list[dict[str, Any]]) -> torch.Tensor:
        inputs = {key: value for key, value in kind.collate(batch).items() if key != "labels"}
        with torch.no_grad():
            found: torch.Tensor = model(**inputs).logits
        return found

    alone = torch.cat([logits([example]) for example in examples])
    assert alone.std(dim=0).min() > 1e-3  # rows differ
    torch.testing.assert_close(logits(examples), alone, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(logits(examples[::-1]), alone.flip(0), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("repository", DECODERS)
def test_a_wrong_padding_token_would_be_noticed(
    repository: str, stages: Callable[[str], Stages]
) -> None:
    """Heads that read the last token find it by the padding: another one gives other logits."""
    made = stages(repository)
    model, kind = made.model(texts(made))
    model.eval()
    rows = kind.dataset(kind.evaluation(), "evaluation")
    batch = kind.collate([rows[0], rows[len(rows) - 1]])
    del batch["labels"]
    with torch.no_grad():
        right = model(**batch).logits
        model.config.pad_token_id = model.config.vocab_size - 1
        wrong = model(**batch).logits
    assert not torch.allclose(right[0], wrong[0], atol=1e-4)
    assert torch.equal(right[1], wrong[1])  # the longest row has no padding


def test_llama_is_padded_with_its_end_token(stages: Callable[[str], Stages]) -> None:
    made = stages("mini/llama")
    model, kind = made.model(texts(made))
    assert model.config.pad_token_id == kind.pad_token_id == 2


@pytest.mark.parametrize("repository", DECODERS)
def test_texts_begin_with_the_start_token_and_keep_within_the_length(
    repository: str, stages: Callable[[str], Stages]
) -> None:
    start = 1 if repository == "mini/llama" else 2
    made = stages(repository)
    tokens = texts(made, length=10).table("train").column("input_ids").to_pylist()
    assert {row[0] for row in tokens} == {start}
    assert max(map(len, tokens)) == 10
    pairs = texts(made, "text", "again").table("train").column("input_ids").to_pylist()
    assert {row.count(start) for row in pairs} == {2}  # each text of a pair has one


@pytest.mark.parametrize("repository", DECODERS)
def test_half_precision_is_selected_on_as_stored_and_trained_in_single(
    repository: str, stages: Callable[[str], Stages]
) -> None:
    made = stages(repository)
    assert {matrix.dtype for matrix in made.manifest.matrices} == {"F16"}
    assert made.mask(0.5).header.selected_on == "F16"
    model, _ = made.model(texts(made))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    for weight in match_parameters(model, made.manifest):
        stored = torch.tensor(read_tensor(made.checkpoint, weight.matrix).values())
        assert torch.equal(stored, weight.values)


def test_opt_350m_s_projections_and_norms_are_left_whole(stages: Callable[[str], Stages]) -> None:
    made = stages("mini/opt-350m")
    task = texts(made)
    fresh, _ = made.model(task)
    model, _ = made.model(task)
    held = HeldMask(made.mask(0.9), match_parameters(model, made.manifest))
    prunable = {id(weight.parameter) for weight in match_parameters(model, made.manifest)}
    names = [n for n, parameter in model.named_parameters() if id(parameter) not in prunable]
    assert {"model.decoder.project_in.weight", "model.decoder.project_out.weight"} < set(names)
    assert model.model.decoder.final_layer_norm is None  # norms come after, there is no last one
    before = dict(fresh.named_parameters())
    for name in names:
        assert torch.equal(model.get_parameter(name), before[name]), name
    held.check_weights()


@pytest.mark.parametrize("repository", REPOSITORIES)
def test_all_of_the_backbone_is_the_checkpoints(
    repository: str, stages: Callable[[str], Stages]
) -> None:
    """Also LayerNorm, biases and embeddings, under whatever name they are stored."""
    made = stages(repository)
    if repository in TEXT_REPOSITORIES:
        task = texts(made)
        first, second = (made.model(task, seed)[0] for seed in (1, 2))
    else:
        task = made.task(
            data={"kind": "digits"}, examples={"kind": "image-classification"}, image_size=IMAGE
        )
        first, second = (made.model(task, seed, image_size=IMAGE)[0] for seed in (1, 2))
    other = dict(second.named_parameters())
    drawn = {n for n, p in first.named_parameters() if not torch.equal(p, other[n])}
    assert drawn
    assert all(name.startswith(("classifier.", "score.")) for name in drawn), drawn
    gains = [p for n, p in first.named_parameters() if "norm" in n.lower() and "weight" in n]
    assert not any(torch.equal(gain, torch.ones_like(gain)) for gain in gains)


def lacking(name: str, folder: Path) -> Stages:
    """Return an OPT whose pickle lacks the parameter `name`."""
    TEXT_REPOSITORIES["mini/opt"](folder / "repository")
    file = folder / "repository" / PICKLE
    state = torch.load(file, weights_only=True)
    del state[name]
    torch.save(state, file)
    return Stages.fetch(folder, {"kind": "folder", "path": str(folder / "repository")})


def test_a_backbone_that_lacks_a_parameter_is_refused(tmp_path: Path) -> None:
    made = lacking("model.decoder.layers.1.fc1.bias", tmp_path)
    with pytest.raises(UserError, match=r"layers\.1\.fc1\.bias: missing from the weights, or"):
        made.model(texts(made))


def test_texts_longer_than_the_model_has_positions(stages: Callable[[str], Stages]) -> None:
    made = stages("mini/opt")
    with pytest.raises(UserError, match=r"max_length: 65 is more than the 64 positions of the"):
        made.model(texts(made, length=POSITIONS + 1))


def test_padding_that_the_model_has_no_embedding_of(
    stages: Callable[[str], Stages], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = stages("mini/opt")
    task = texts(made)
    monkeypatch.setitem(task.document, "pad_token_id", 323)
    with pytest.raises(UserError, match=r"pads with token 323, its model knows 323 \(0 to 322\)"):
        made.model(task)
