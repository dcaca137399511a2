"""What the repository promises about itself: pins that agree, docs that follow from the code."""

import re
from pathlib import Path

import yaml
from packaging.requirements import Requirement

from essential_sparsity.study.reference import generated

ROOT = Path(__file__).parents[1]


def pins(lines: list[str]) -> dict[str, str]:
    matches = (re.fullmatch(r"([\w.-]+)==([\w.!+-]+)", line.strip()) for line in lines)
    return {m[1].lower().replace("_", "-"): m[2] for m in matches if m}


def test_generated_docs_and_schemas_are_up_to_date() -> None:
    for path, text in generated().items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, f"{path}: run `make docs`"


def test_environments_agree_with_the_lock_file() -> None:
    locked = pins((ROOT / "requirements.lock").read_text().splitlines())
    for file in sorted((ROOT / "envs").glob("*.yaml")):
        dependencies = yaml.safe_load(file.read_text())["dependencies"]
        (pip,) = (entry["pip"] for entry in dependencies if isinstance(entry, dict))
        pinned = pins(pip)
        assert len(pinned) == len(pip), f"{file.name}: everything is pinned exactly"
        for name, version in pinned.items():
            assert locked.get(name) == version, f"{file.name}: {name}"


def test_the_lock_file_pins_everything_that_the_package_needs() -> None:
    import tomllib

    locked = pins((ROOT / "requirements.lock").read_text().splitlines())
    assert locked["torch"] == "2.13.0"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    (everything,) = map(Requirement, extras["all"])
    assert {*extras} == {*everything.extras, "all", "cluster"}
    for needed in (project["dependencies"], *map(extras.get, everything.extras)):
        for requirement in map(Requirement, needed):
            name = requirement.name.lower().replace("_", "-")
            assert locked[name] in requirement.specifier, name


def test_the_snakefile_is_a_contents_page_and_rule_files_are_short() -> None:
    assert len((ROOT / "Snakefile").read_text().splitlines()) <= 40
    for file in (ROOT / "rules").glob("*.smk"):
        assert len(file.read_text().splitlines()) <= 150, file.name


def test_every_rule_that_computes_says_all_that_users_expect() -> None:
    keys = ("message:", "log:", "benchmark:", "threads:", "resources:", "conda:", "shell:")
    for file in (ROOT / "rules").glob("*.smk"):
        for rule in re.split(r"^ *rule\b", file.read_text(), flags=re.MULTILINE)[1:]:
            if "shell:" in rule:
                assert [key for key in keys if key not in rule] == [], f"{file.name}: {rule[:40]}"


def _anchors(page: Path) -> set[str]:
    """Return what a page's headings are called in addresses: small letters, hyphens for spaces."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_in_the_docs_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        text = page.read_text(encoding="utf-8")
        for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", text):
            file = page.parent / target if target else page
            assert file.exists(), f"{page.name}: {target}"
            assert not anchor or anchor in _anchors(file), f"{page.name}: {target}#{anchor}"


def test_profiles_of_clusters_repeat_the_default_profile() -> None:
    """They take its place: what makes a job run again must not depend on where jobs run."""

    def keys(profile: str) -> dict[str, object]:
        text = (ROOT / "profiles" / profile / "config.yaml").read_text(encoding="utf-8")
        return dict(yaml.safe_load(text))

    default = keys("default")
    default.pop("cores")
    for profile in ("slurm", "cluster-generic"):
        assert keys(profile).items() >= default.items(), profile


def test_the_plugins_for_clusters_are_pinned_apart() -> None:
    import tomllib

    apart = pins((ROOT / "requirements-cluster.lock").read_text().splitlines())
    locked = pins((ROOT / "requirements.lock").read_text().splitlines())
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extra["cluster"]) <= apart.keys()
    assert not apart.keys() & locked.keys()
