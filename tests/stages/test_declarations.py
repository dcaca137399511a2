"""Stages and rules say the same: a rule's keys are those that its stage declares."""

import re
from pathlib import Path

import pytest

from essential_sparsity.stages.all import STAGES
from essential_sparsity.stages.stage import Stage, no_files

ROOT = Path(__file__).parents[2]

# The stages of each rule, or loop of rules, by the name under which rules have its directives.
BY_NAME: dict[str, list[Stage]] = {}
for _stage in STAGES:
    _kind = re.sub(r"^\w+_(?=measurement$|statistics$|figure$)", "", _stage.name)
    _name = {"statistics": "TABLES"}.get(_kind, _kind.upper())
    BY_NAME.setdefault(_name, []).append(_stage)


def rules() -> dict[str, str]:
    """Return the name of a rule's directives → the rule's text."""
    found = {}
    for file in sorted((ROOT / "rules").glob("*.smk")):
        for text in re.split(r"^ *(?:rule|checkpoint)\b[ \w]*:$", file.read_text(), flags=re.M)[1:]:
            if match := re.search(r"(\w+)\.message", text):
                found[match[1]] = text
    return found


def test_every_stage_has_a_rule_and_every_rule_a_stage() -> None:
    assert rules().keys() == BY_NAME.keys()


@pytest.mark.parametrize("name", BY_NAME)
def test_a_rule_reads_what_its_stage_declares(name: str) -> None:
    text = rules()[name]
    (section,) = re.findall(r"input:\n((?: +.*\n)+?) *output:", text)
    for stage in BY_NAME[name]:
        keys = {*stage.inputs, *(["missed"] if "missed=" in section else [])}
        assert set(re.findall(r"^ +(\w+)=", section, re.MULTILINE)) == keys
        if stage.files is not no_files and stage.name != "checkpoint":
            assert "missed" in keys, "a file from outside that is not there is waited for"


@pytest.mark.parametrize("name", BY_NAME)
def test_a_rule_takes_all_else_from_its_stage(name: str) -> None:
    text = rules()[name]
    for directive in ("log", "benchmark", "conda", "message"):
        assert re.search(rf"\b{name}\.{directive}\b", text)
    for directive in ("params", "resources"):
        assert f"**{name}.{directive}," in text
    assert f"**{name}.output," in text or f"**reported({name}, " in text


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_declaration_is_whole(stage: Stage) -> None:
    wildcards = {name for text in stage.outputs.values() for name in re.findall(r"{(\w+)}", text)}
    assert stage.outputs and stage.title and stage.about
    assert set(re.findall(r"{(\w+)}", stage.record)) <= wildcards
    said = set(re.findall(r"wildcards\.(\w+)", stage.message))
    assert said <= wildcards, "a message names what the path does"
    assert (ROOT / f"envs/{stage.environment}.yaml").is_file()
