"""Every entry of the catalog is sound: it loads, what it names is there, and its sizes are true."""

from pathlib import Path

import pytest

from essential_sparsity.checkpoints.spec import HubSource, RandomSource
from essential_sparsity.study.catalog import Catalog, ModelEntry, TaskEntry
from published import PUBLISHED

CATALOG = Path(__file__).parents[1] / "catalog"
MODELS = sorted(file.stem for file in (CATALOG / "models").glob("*.yaml"))
TASKS = sorted(file.stem for file in (CATALOG / "tasks").glob("*.yaml"))


def model(name: str) -> ModelEntry:
    return Catalog(CATALOG).model(name, "test: models")


def task(name: str) -> TaskEntry:
    return Catalog(CATALOG).task(name, "test: tasks")


@pytest.mark.parametrize("name", MODELS)
def test_a_model_names_what_is_there(name: str) -> None:
    entry = model(name)
    assert (name in PUBLISHED) == (entry.base is None)  # so that its sizes are checked below
    for source in entry.sources:
        if isinstance(source, RandomSource):
            assert source.of in PUBLISHED
    if entry.preprocessor:
        # The other's data are made by the other itself, for as many as share them.
        assert model(entry.preprocessor).preprocessor is None
        assert entry.preprocessor != name
        assert PUBLISHED[name].model == PUBLISHED[entry.preprocessor].model


@pytest.mark.parametrize("name", [name for name in MODELS if name in PUBLISHED])
def test_a_models_sizes_are_those_of_its_architecture(name: str) -> None:
    size, published = model(name).size, PUBLISHED[name]
    assert size is not None
    assert size.parameters == pytest.approx(published.parameters, rel=5e-3)
    assert size.prunable == pytest.approx(published.prunable, rel=5e-3)
    # A tokenizer takes a megabyte or two, BERT's pre-training head another two.
    weights = published.parameters * published.bytes / 1e6
    assert size.megabytes == pytest.approx(weights, rel=5e-3, abs=4)


def test_labels_tell_entries_apart() -> None:
    for entries in (map(model, MODELS), map(task, TASKS)):
        labels = [entry.label for entry in entries]
        assert len(set(labels)) == len(labels)


def test_hub_repositories_are_there_once() -> None:
    """Once a scope, and then with the same bytes."""
    found = [
        (source.repository, entry.prune_pooler, source.revision, entry.sha256)
        for entry in map(model, MODELS)
        for source in entry.sources
        if isinstance(source, HubSource)
    ]
    assert len({(repository, pooler) for repository, pooler, *_ in found}) == len(found)
    for repository, _, *pinned in (one for one in found if one[1]):
        assert [repository, False, *pinned] in map(list, found)


def test_what_is_fetched_knows_all_of_its_entry() -> None:
    for name in MODELS:
        entry, spec = model(name), model(name).checkpoint_spec()
        assert all(getattr(spec, key) == getattr(entry, key) for key in type(spec).model_fields)
        assert spec.prune_pooler == (name in PUBLISHED and PUBLISHED[name].pooler)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_a_recipe_to_try_it_with(name: str) -> None:
    assert "quick" in task(name).recipes
