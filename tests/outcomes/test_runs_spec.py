from typing import Any

import pytest

from essential_sparsity.masks.criteria.magnitude import Magnitude
from essential_sparsity.masks.spec import DENSE
from essential_sparsity.outcomes.spec import RunsSpec
from essential_sparsity.support.errors import UserError

GOOD = {"models": ["bert"], "families": {"magnitude-global": [0.5, 0.7]}}


def test_families_are_those_of_sparse_masks() -> None:
    masks = [DENSE, Magnitude(sparsity=0.5), Magnitude(sparsity=0.7), Magnitude(pattern="2:4")]
    assert RunsSpec.families_of(mask.label() for mask in masks) == {
        "magnitude-global": (0.5, 0.7), "magnitude-nof4": (0.5,),
    }  # fmt: skip
    assert RunsSpec.check(GOOD, "spec").families == {"magnitude-global": (0.5, 0.7)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"families": {}}, "families"),
        ({"controls": {"bert": "bert"}}, "controls: 'bert' is one of the models as well"),
        ({"controls": {"random": "opt"}}, "controls.random: 'opt' is none of the models"),
        ({"models": []}, "models"),
    ],
)
def test_bad_specs(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        RunsSpec.check({**GOOD, **change}, "spec")
    assert str(caught.value).startswith("spec: ")
    assert message in str(caught.value)
