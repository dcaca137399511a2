from typing import Any

import pytest

from essential_sparsity.masks.criteria.magnitude import Magnitude
from essential_sparsity.masks.spec import DENSE as DENSE_MASK
from essential_sparsity.results.spec import RunsSpec
from essential_sparsity.support.errors import UserError

DENSE = DENSE_MASK.label().document()
HALF = Magnitude(sparsity=0.5).label().document()
MORE = Magnitude(sparsity=0.7).label().document()
GOOD = {"models": ["bert"], "tasks": {"rte": "r"}, "masks": [DENSE, HALF], "seeds": [1]}


def test_good_spec() -> None:
    assert RunsSpec.check(GOOD, "spec").masks[1].name == "magnitude-global-s0.50"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"masks": [HALF, MORE]},
            "masks: must hold the dense mask and at least one sparse mask",
        ),
        ({"masks": [DENSE]}, "masks: must hold the dense mask and at least one sparse mask"),
        ({"masks": [DENSE, HALF, HALF]}, "masks: holds something twice"),
        ({"seeds": [1, 1]}, "seeds: holds something twice"),
        ({"models": ["bert", "bert"]}, "models: holds something twice"),
        ({"controls": {"bert": "bert"}}, "controls: 'bert' is one of the models as well"),
        ({"controls": {"random": "opt"}}, "controls.random: 'opt' is none of the models"),
        ({"models": []}, "models"),
        ({"seeds": []}, "seeds"),
        ({"tasks": {}}, "tasks"),
    ],
)
def test_bad_specs(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        RunsSpec.check({**GOOD, **change}, "spec")
    assert str(caught.value).startswith("spec: ")
    assert message in str(caught.value)
