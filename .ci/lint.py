"""What the repository promises of itself and no user would notice.

    python .ci/lint.py [FOLDER]

Pins agree, links in the docs lead somewhere, rule files are short and rules say all, and what is
infrastructure knows no science. Each finding is a line; the exit status is 1 if there are any.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import yaml
from packaging.requirements import Requirement

_RULE_KEYS = ("message:", "log:", "benchmark:", "resources:", "conda:", "shell:")
_LONGEST = {"Snakefile": 40, "*.smk": 160}  # lines
_LONGEST_RULE = 29  # lines


def environments_agree_with_the_lock(root: Path) -> Iterator[str]:
    """Everything in `envs/` is pinned exactly, to the version of the lock."""
    locked = _pins(root / "requirements.lock")
    for file in sorted((root / "envs").glob("*.yaml")):
        (pip,) = (entry["pip"] for entry in _yaml(file)["dependencies"] if isinstance(entry, dict))
        for requirement in pip:
            name, _, version = requirement.partition("==")
            if locked.get(_normal(name)) != version:
                yield f"{file.name}: {requirement}: the lock has {locked.get(_normal(name))}"


def the_lock_pins_what_the_package_needs(root: Path) -> Iterator[str]:
    """The lock has a version within every range, but of what only clusters need."""
    locked = _pins(root / "requirements.lock")
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    apart = _pins(root / "requirements-cluster.lock")
    if apart.keys() & locked.keys():
        yield f"both locks pin {sorted(apart.keys() & locked.keys())}"
    for name in extras["cluster"]:
        if name not in apart:
            yield f"requirements-cluster.lock: lacks {name}"
    (everything,) = map(Requirement, extras["all"])
    if {*extras} != {*everything.extras, "all", "cluster"}:
        yield "pyproject.toml: 'all' is not all extras but 'cluster'"
    for group in (project["dependencies"], *map(extras.get, everything.extras)):
        for requirement in map(Requirement, group):
            version = locked.get(_normal(requirement.name))
            if version is None or version not in requirement.specifier:
                yield f"pyproject.toml: {requirement}: the lock has {version}"


def rules_are_short_and_say_all(root: Path) -> Iterator[str]:
    """The Snakefile is a contents page; a rule that computes says all that users expect."""
    for pattern, longest in _LONGEST.items():
        for file in [*root.glob(pattern), *(root / "rules").glob(pattern)]:
            text = file.read_text(encoding="utf-8")
            if (lines := len(text.splitlines())) > longest:
                yield f"{file.name}: {lines} lines, more than {longest}"
            for rule in re.split(r"^ *(?:rule|checkpoint)\b", text, flags=re.MULTILINE)[1:]:
                lines = len(re.split(r"\n\n+(?! )|\n {4}rule", rule)[0].splitlines())
                if lines > _LONGEST_RULE:
                    yield f"{file.name}: rule{rule.split(':')[0]}: {lines} lines, too long"
                if lacking := [key for key in _RULE_KEYS if key not in rule and "shell:" in rule]:
                    yield f"{file.name}: rule {rule.split(':')[0].strip()}: lacks {lacking}"


def profiles_of_clusters_repeat_the_default(root: Path) -> Iterator[str]:
    """They take its place: what makes a job run again must not depend on where jobs run."""
    default = _yaml(root / "profiles/default/config.yaml")
    for profile in ("slurm", "cluster-generic"):
        keys = _yaml(root / "profiles" / profile / "config.yaml")
        for key in sorted(default.keys() - {"cores"}):
            if keys.get(key) != default[key]:
                yield f"profiles/{profile}: {key}: is not that of profiles/default"


def links_lead_somewhere(root: Path) -> Iterator[str]:
    """Files and headings that pages name are there."""
    for page in [root / "README.md", *(root / "docs").glob("*.md")]:
        text = page.read_text(encoding="utf-8")
        for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", text):
            file = page.parent / target if target else page
            if not file.exists() or (anchor and anchor not in _anchors(file)):
                yield f"{page.name}: {target}#{anchor}: leads nowhere"


def infrastructure_knows_no_science(root: Path) -> Iterator[str]:
    """`support/` imports nothing of the package but itself: keys of artifacts leave it out."""
    for file in (root / "workflow/essential_sparsity/support").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                if re.match(r"essential_sparsity\.(?!support\b)", name or ""):
                    yield f"support/{file.name}: imports {name}"


CHECKS = (
    environments_agree_with_the_lock,
    the_lock_pins_what_the_package_needs,
    rules_are_short_and_say_all,
    profiles_of_clusters_repeat_the_default,
    links_lead_somewhere,
    infrastructure_knows_no_science,
)


def _pins(lock: Path) -> dict[str, str]:
    matches = (re.fullmatch(r"([\w.-]+)==([\w.!+-]+)", line) for line in lock.read_text().split())
    return {_normal(match[1]): match[2] for match in matches if match}


def _normal(name: str) -> str:
    return name.lower().replace("_", "-")


def _yaml(file: Path) -> dict[str, object]:
    return dict(yaml.safe_load(file.read_text(encoding="utf-8")))


def _anchors(page: Path) -> set[str]:
    """Return what a page's headings are called in addresses: small letters, hyphens for spaces."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


if __name__ == "__main__":
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1]
    found = [line for check in CHECKS for line in check(root)]
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(1 if found else 0)
