"""Specs: one canonical text, from which identity follows; defaults leave no trace in it."""

import pytest
from pydantic import Field

from essential_sparsity.masks.criteria.magnitude import Magnitude
from essential_sparsity.masks.spec import DENSE, DenseSpec
from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.spec import Spec, format_sparsity, is_name

RECIPE = {"epochs": 3, "batch_size": 32, "learning_rate": 2e-5}


def test_the_canonical_text_is_sorted_and_leaves_defaults_out() -> None:
    recipe = RecipeSpec(**RECIPE, adam_epsilon=1e-8, weight_decay=0.0)
    assert recipe.canonical() == '{"batch_size":32,"epochs":3,"learning_rate":2e-05}'
    assert recipe.digest() == RecipeSpec(**RECIPE).digest()


def test_a_new_field_with_a_default_keeps_every_old_identity() -> None:
    class Tomorrow(RecipeSpec):
        new_idea: float = Field(default=0.5)

    assert Tomorrow(**RECIPE).digest() == RecipeSpec(**RECIPE).digest()
    assert Tomorrow(**RECIPE, new_idea=0.6).digest() != RecipeSpec(**RECIPE).digest()


def test_every_other_value_is_another_identity() -> None:
    digests = {RecipeSpec(**{**RECIPE, **change}).digest() for change in (
        {}, {"epochs": 4}, {"learning_rate": 3e-5}, {"max_length": 64}, {"train_examples": 100},
        {"precision": "fp32"}, {"group_by_length": True},
    )}  # fmt: skip
    assert len(digests) == 7


def test_a_spec_comes_back_from_its_text() -> None:
    spec = Magnitude(sparsity=0.215)
    assert Magnitude.read(spec.canonical()) == spec


@pytest.mark.parametrize(
    ("sparsity", "text"),
    [(0.5, "0.50"), (0.215, "0.215"), (0.9, "0.90"), (0.999999, "0.999999"), (0.05, "0.05")],
)
def test_a_sparsity_has_one_text(sparsity: float, text: str) -> None:
    assert format_sparsity(sparsity) == text
    assert Magnitude(sparsity=sparsity).name == f"magnitude-global-s{text}"


def test_the_dense_mask_has_one_name() -> None:
    assert DENSE.name == "dense"
    with pytest.raises(UserError, match="sparsity 0 is the mask 'dense'"):
        Magnitude.check({"criterion": "magnitude", "sparsity": 0}, "file")
    with pytest.raises(UserError, match="sparsity: unknown key"):
        DenseSpec.check({"criterion": "dense", "sparsity": 0.5}, "file")


@pytest.mark.parametrize("name", ["..", ".hidden", "a/b", "", "A", "a b", "-a", "a--b", "x" * 65])
def test_names_cannot_leave_their_folder(name: str) -> None:
    assert not is_name(name)


def test_specs_are_frozen() -> None:
    class Empty(Spec):
        pass

    with pytest.raises(UserError, match="unknown key"):
        Empty.check({"a": 1}, "file")
