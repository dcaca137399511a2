"""The claims of the catalog are sound, and a mistake in one is named in a line."""

import re
import shutil
from pathlib import Path

import pytest

from essential_sparsity.claims.check import Unavailable
from essential_sparsity.claims.claim import ClaimsSpec
from essential_sparsity.figures.kinds import EXPERIMENT_KINDS
from essential_sparsity.stages.study import claims_spec
from essential_sparsity.study.catalog import Catalog
from essential_sparsity.study.document import Study
from essential_sparsity.study.jobs import resolve_study
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]


def claims_of(file: str) -> ClaimsSpec:
    study = Study.check(read_yaml(ROOT / file), file)
    return claims_spec(resolve_study(study, ROOT, (file,), ROOT / "results"))


def test_all_sixteen_claims_of_the_paper_are_there() -> None:
    numbers = {int(re.sub(r"\D", "", name)) for name in Catalog(ROOT / "catalog").claims()}
    assert numbers == set(range(1, 17))


def test_what_cannot_be_run_says_why() -> None:
    claims = Catalog(ROOT / "catalog").claims()
    missing = {name for name, claim in claims.items() if isinstance(claim.test, Unavailable)}
    assert missing == {"c12", "c13", "c16"}
    assert all(claims[name].own is None for name in missing)


def test_the_papers_study_can_speak_to_every_other_claim() -> None:
    spec = claims_of("studies/paper.yaml")
    assert set(Catalog(ROOT / "catalog").claims()) - set(spec.claims) == {"c12", "c13", "c16"}
    for name, claim in spec.claims.items():
        for role in claim.roles.values():
            assert set(role.models) <= set(spec.models), name
            # Every task has its paper recipe, by which the paper's rows are told from others.
            assert set(role.tasks) <= set(spec.recipes), name
        assert any(claim.test.table in tables for tables in spec.experiments.values())


def kinds_with(tables: tuple[str, ...]) -> list[str]:
    return [name for name, kind in EXPERIMENT_KINDS.items() if set(tables) <= set(kind.tables)]


def test_the_documentation_says_which_figure_each_claim_needs() -> None:
    text = (ROOT / "docs" / "claims.md").read_text().partition("## The claims")[2]
    table = [line.split("|")[1:-1] for line in text.partition("\n## ")[0].splitlines()]
    cells = {tuple(row[0].strip().split(", ")): row[3].strip() for row in table if len(row) == 4}
    claims = Catalog(ROOT / "catalog").claims()
    seen = []
    for names, figures in cells.items():
        if names[0] in claims:
            seen += names
            needed = dict.fromkeys(
                " or ".join(f"`{figure}`" for figure in kinds_with(claims[name].test.tables)) or "–"
                for name in names
            )
            assert figures == "; ".join(needed), names
    assert sorted(seen) == sorted(claims)


def test_pre_trained_models_have_traits_and_random_starts_are_left_out() -> None:
    spec = claims_of("studies/gallery.yaml")
    assert spec.models["minilm-l6"].traits
    assert "minilm-l6-random" not in spec.models
    assert spec.trained["ticket-global-topic-" + _recipe(spec.trained) + "-seed1-step0.30-s0.30"]


def _recipe(trained: dict[str, object]) -> str:
    (name,) = {re.search(r"topic-(quick-\w+)-seed", n)[1] for n in trained if "topic" in n}  # type: ignore[index]
    return name


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "models: [bert-base]",
            "models: [bert-bas]",
            r"claims/c03\.yaml: roles\.every\.models\[0\]: unknown model 'bert-bas'; did you mean "
            r"'bert-base'\?",
        ),
        (
            "kind: rate-ratio",
            "kind: rate-ration",
            r"claims/c03\.yaml: test\.kind: unknown kind 'rate-ration'; did you mean 'rate-ratio'",
        ),
        (
            "kind: rate-ratio, sparsity: 0.215",
            "kind: sharper",
            r"c03\.yaml: roles: a test of kind 'sharper' needs first, second; there are every",
        ),
        ("    like: []", "", r"roles\.every\.like: belongs to `own`"),
        ("sparsity: 0.215", "sparsity: 1.5", r"test\.sparsity: a sparsity lies in \[0, 1\)"),
    ],
)
def test_a_mistake_in_a_claim_is_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    shutil.copytree(ROOT / "catalog", tmp_path / "catalog")
    file = tmp_path / "catalog" / "claims" / "c03.yaml"
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    with pytest.raises(UserError, match=message) as raised:
        Catalog(tmp_path / "catalog").claims()
    assert "\n" not in str(raised.value)


def test_another_catalog_may_add_claims(tmp_path: Path) -> None:
    claims = tmp_path / "claims"
    claims.mkdir()
    shutil.copyfile(ROOT / "catalog" / "claims" / "c03.yaml", claims / "mine.yaml")
    assert "mine" in Catalog(ROOT / "catalog", tmp_path).claims()
