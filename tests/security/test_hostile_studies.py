"""A study, a catalog or a target from a stranger: data, bounded, and names that lead nowhere."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from essential_sparsity.study.catalog import Catalog
from essential_sparsity.study.document import Study
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.yaml_files import read_yaml
from project import Project, environment, tiny_study

NAMES = [
    "../x", "/abs", "a/b", "..", ".hidden", "a\nb", "a b", "$(touch evil)", "a;touch evil",
    "`touch evil`", "'", '"', "a'b", "{x}", "a\\b", "ä", "A", "-rf", "a\x00b", "%s", "*", "",
    "x" * 65, "a--b", "~root", "CON:", "a\u2028b",
]  # fmt: skip


def bomb(width: int, depth: int, mapping: bool = False) -> str:
    """Return names of names of names: `width` to the power of `depth` values in a few lines."""
    lines = ["a0: &a0 [x]"]
    for level in range(1, depth):
        items = [f"*a{level - 1}"] * width
        inner = "{" + ", ".join(f"k{n}: {i}" for n, i in enumerate(items)) + "}"
        lines.append(f"a{level}: &a{level} {inner if mapping else '[' + ', '.join(items) + ']'}")
    return "\n".join(lines) + "\n"


HOSTILE: dict[str, tuple[str, str]] = {
    "apply": ("study: !!python/object/apply:os.system ['touch evil']", "not YAML"),
    "new": ("study: !!python/object/new:os.system ['touch evil']", "not YAML"),
    "name": ("study: !!python/name:os.system", "not YAML"),
    "module": ("study: !!python/module:antigravity", "not YAML"),
    "tuple": ("study: !!python/tuple [1]", "not YAML"),
    "local tag": ("study: !evil x", "not YAML"),
    "bomb": (bomb(9, 12), "its aliases stand for more than 1,000,000 values"),
    "bomb of mappings": (bomb(9, 12, mapping=True), "its aliases stand for more than"),
    "deep bomb": (bomb(10, 400), "its aliases stand for more than"),
    "inside itself": ("a: &a [*a]", "nested too deeply, or inside itself"),
    "deep": ("[" * 30_000, "nested too deeply"),
    "a list for a key": ("? [a, b]\n: c", "a key is no single value"),
    "a mapping for a key": ("? {a: b}\n: c", "a key is no single value"),
    "no date": ("study: 2024-13-45", "not YAML"),
    "a number of many digits": ("study: " + "9" * 5000, "not YAML"),
    "a byte that is no text": ("study: \udcff", "not YAML"),
    "a control code": ("study: \x07", "not YAML"),
    "two documents": ("study: a\n---\nstudy: b", "not YAML"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_yaml_is_data_and_no_more_than_was_written(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, reason = HOSTILE[case]
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "study.yaml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=f"study.yaml: .*{reason}|study.yaml: {reason}") as error:
        read_yaml(file)
    assert "\n" not in str(error.value) and len(str(error.value)) < 1000
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


def test_aliases_are_welcome(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("a: &a [1, 2]\nb: *a\nc: {d: *a}\n")
    assert read_yaml(file) == {"a": [1, 2], "b": [1, 2], "c": {"d": [1, 2]}}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", ["study", "experiment", "model", "task", "recipe", "control"])
def test_a_name_that_could_be_more_is_refused(place: str, name: str) -> None:
    """What is no name reaches neither a path nor a command."""
    study = tiny_study()
    drop: dict[str, Any] = study["experiments"][0]
    if place == "study":
        study["study"] = name
    elif place == "experiment":
        drop["name"] = name
    elif place == "recipe":
        drop["recipe"] = name
    else:
        drop[f"{place}s"] = [name]
    with pytest.raises(UserError, match="a name has lower-case letters") as error:
        Study.check(study, "study.yaml")
    assert "\n" not in " ".join(str(error.value).split())


def test_an_override_is_a_value_of_the_recipe() -> None:
    for key, value in (
        ("learning_rate", "__import__('os').system('touch evil')"),
        ("epochs", {"$ref": "file:///etc/passwd"}),
        ("__class__", 1),
        ("output_dir", "/tmp"),
        ("learning_rate", float("nan")),
    ):
        study = tiny_study()
        study["experiments"][0]["overrides"] = {key: value}
        with pytest.raises(UserError, match="overrides"):
            Study.check(study, "study.yaml")


@pytest.mark.parametrize("name", [name for name in NAMES if name and "/" not in name][:20])
def test_a_catalogs_file_with_such_a_name_is_refused(name: str, tmp_path: Path) -> None:
    if "\x00" in name:
        pytest.skip("no file has such a name")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / f"{name}.yaml").write_text("version: 1\n")
    with pytest.raises(UserError, match="cannot name a model"):
        Catalog(tmp_path).model("x", "study.yaml: models")


@pytest.mark.workflow
@pytest.mark.parametrize(
    "target",
    [
        "../../x", "checkpoints/../checkpoint.json", "checkpoints/$(touch evil)/checkpoint.json",
        "checkpoints/a b;touch evil/checkpoint.json", "masks/tiny-bert/..;x.safetensors",
        "runs/../../x/quick/dense/seed1/metrics.parquet", "studies/../figures/drop.png",
        "runs/tiny-bert/mood/quick-1/`touch evil`/seed1/metrics.parquet",
        "histograms/../../../x.safetensors", "/etc/x/checkpoints/tiny-bert/checkpoint.json",
        "placement/$(touch evil)/00000000.parquet", "checkpoints/a\nb/checkpoint.json",
    ],
)  # fmt: skip
def test_a_target_given_by_hand_cannot_leave_the_results(
    target: str, finished_project: Project
) -> None:
    before = {path for path in finished_project.folder.rglob("*") if ".snakemake" not in path.parts}
    finished_project.run(target, fails=True)
    after = {path for path in finished_project.folder.rglob("*") if ".snakemake" not in path.parts}
    assert {path for path in after - before if "__pycache__" not in path.parts} == set()


@pytest.mark.workflow
@pytest.mark.long
def test_folders_and_labels_with_the_shells_letters_are_quoted(tmp_path: Path) -> None:
    """Paths of models and data, labels and the clone's own folder are texts of their makers."""
    odd = 'it\'s $(touch evil); `touch evil` & "x"'
    project = Project.create(tmp_path / odd)
    (project.folder / "models/tiny-bert").rename(project.folder / "models" / odd)
    (project.folder / "data").rename(project.folder / odd)
    source = {"kind": "folder", "path": f"models/{odd}"}
    project.write_model("tiny-bert", source, label=f"<b>{odd}</b> $\\bad{{$")
    files = {split: f"{odd}/{split}.csv" for split in ("train", "evaluation")}
    data = {"kind": "files", **files}
    recipe = {"epochs": 1, "batch_size": 8, "learning_rate": 1.0e-3, "max_length": 24}
    project.write_task("mood", recipe, data=data, label=odd)
    project.run("study")
    assert not list(tmp_path.rglob("evil"))
    page = (project.results / "studies/tiny/report.html").read_text()
    assert "<b>it" not in page and "&lt;b&gt;it" in page
    assert (project.results / "studies/tiny/figures/drop.png").is_file()


@pytest.mark.workflow
def test_make_looks_at_a_study_before_snakemake_evaluates_it(tmp_path: Path) -> None:
    """Snakemake's own reader evaluates Python in a file that asks for it; make asks us first."""
    project = Project(tmp_path / "clone")
    project.clone_sources()
    shutil.copy(Path(__file__).parents[2] / "Makefile", project.folder)
    trace = project.folder / "it-ran"
    evil = f"__use_yte__: true\n__definitions__:\n- open({str(trace)!r}, 'w')\n"
    (project.folder / "study.yaml").write_text(evil + yaml.safe_dump(tiny_study()))
    (project.folder / ".venv").mkdir()
    for name in ("requirements.lock", "pyproject.toml", ".venv/installed"):
        (project.folder / name).touch()
    for target in ("study", "fetch", "figures", "plan", "bundle"):
        done = subprocess.run(
            ["make", target, "STUDY=study.yaml", f"BIN={Path(sys.executable).parent}"],
            cwd=project.folder,
            env={**environment(), "PYTHONPATH": str(project.folder / "workflow")},
            capture_output=True,
            text=True,
        )
        assert done.returncode != 0
        assert "study.yaml: __use_yte__: unknown key" in done.stderr, done.stderr
    assert not trace.exists()
