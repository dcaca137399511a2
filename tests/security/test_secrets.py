"""Tokens and passwords stay out of messages, logs, manifests, reports and bundles."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from essential_sparsity.support.credentials import redact, without_credentials
from loopback_hub import LoopbackHub
from project import Project, environment

TOKEN = "hf_QtokenOfSomebody"
OTHER = "eyJvdGhlcg.token-of-another.hub"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of nobody, with a token that a login has stored."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HOME", "HF_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / ".cache/huggingface/token"
    file.parent.mkdir(parents=True)
    file.write_text(f"{OTHER}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"token {TOKEN}, and {OTHER}.", "token hf_…, and …."),
        (f"Illegal header value b'Bearer {TOKEN}\\x00more'", "Illegal header value b'Bearer …'"),
        ("authorization: Basic bWU6c2VjcmV0", "authorization: Basic …"),
        ("https://me:secret@hub.example/x", "https://hub.example/x"),
        ("at https://me:p@ss@hub.example:8080/x@y", "at https://hub.example:8080/x@y"),
        ("http://token@proxy.example, http://b/c", "http://proxy.example, http://b/c"),
        ("org/name@main and ada@example.org", "org/name@main and ada@example.org"),
        ("bearer of news", "bearer of news"),
    ],
)
def test_credentials_are_taken_out(text: str, expected: str) -> None:
    assert without_credentials(text) == expected
    assert redact(text) == expected


def test_every_place_of_a_token_is_known(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {"HF_TOKEN": "first-secret", "HUGGING_FACE_HUB_TOKEN": "second-secret\n"}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    (home / "elsewhere").write_text("third-secret")
    monkeypatch.setenv("HF_TOKEN_PATH", "~/elsewhere")
    assert without_credentials("first-secret second-secret third-secret") == "… … …"
    monkeypatch.setenv("HF_TOKEN", "a")  # no token: words are left alone
    assert without_credentials("a banana") == "a banana"


def fetch(hub: LoopbackHub, folder: Path, **more: str) -> str:
    spec = (
        '{"version": 1, "sources": [{"kind": "hub", "repository": "org/tiny", "revision": "main"}]}'
    )
    done = subprocess.run(
        [sys.executable, "-m", "essential_sparsity.checkpoints", "--spec", spec,
         "--output", str(folder / "out"), "--pins", str(folder / "models.lock")],
        env={**environment(), "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
             **hub.environment(folder / "cache"), "HF_HUB_OFFLINE": "0", **more},
        capture_output=True,
        text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr + done.stdout


@pytest.mark.parametrize("token", [f"{TOKEN}\x01x", f"{TOKEN}é", f"{TOKEN}\nx", f"{OTHER}\x01x"])
def test_a_token_that_cannot_be_sent_is_not_printed(token: str, tmp_path: Path) -> None:
    """The client's HTTP library says which header it cannot send."""
    with LoopbackHub(tmp_path / "hub") as hub:
        said = fetch(hub, tmp_path, HF_TOKEN=token)
    assert "Qtoken" not in said and "another.hub" not in said


@pytest.mark.parametrize("password", ["secret", "se@cret", "secret:more"])
def test_a_password_in_an_address_is_not_printed(password: str, tmp_path: Path) -> None:
    with LoopbackHub(tmp_path / "hub") as hub:
        address = hub.endpoint.replace("://", f"://me:{password}@")
        proxy = f"http://me:{password}@127.0.0.1:9"
        said = fetch(hub, tmp_path, HF_ENDPOINT=address)
        said += fetch(hub, tmp_path, HTTP_PROXY=proxy, http_proxy=proxy, NO_PROXY="", no_proxy="")
    assert "cret" not in said and "me:" not in said


def test_pip_does_not_print_an_indexs_password(tmp_path: Path) -> None:
    spec = (
        '{"version": 1, "sources": [{"kind": "package", "requirement": "no-such-thing==1.0", '
        '"folder": "x"}]}'
    )
    index = "http://me:secret@127.0.0.1:9/simple"
    done = subprocess.run(
        [sys.executable, "-m", "essential_sparsity.checkpoints", "--spec", spec,
         "--output", str(tmp_path / "out")],
        env={**environment(), "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
             "PIP_INDEX_URL": index, "PIP_CONFIG_FILE": "/dev/null", "PIP_RETRIES": "0"},
        capture_output=True,
        text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert "secret" not in done.stderr


def leaks(folder: Path, *secrets: str) -> list[str]:
    """Return the files of a folder that hold one of the secrets, packed or not."""
    found = []
    for file in (path for path in folder.rglob("*") if path.is_file()):
        content = file.read_bytes()
        if file.suffix == ".parquet":
            content += str(pq.read_table(file).to_pylist()).encode()
            content += str(pq.read_schema(file).metadata).encode()
        elif file.suffix == ".gz":
            content += gzip.decompress(content)
        if any(secret.encode() in content for secret in secrets):
            found.append(str(file.relative_to(folder)))
    return found


@pytest.mark.workflow
@pytest.mark.long
def test_a_study_and_its_bundle_hold_no_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the hub to the bundle, logs and Snakemake's own records too."""
    project = Project.create(tmp_path / "clone")
    with LoopbackHub(tmp_path / "hub") as hub:
        repository = hub.root / "models/org/tiny"
        repository.parent.mkdir(parents=True)
        (project.folder / "models/tiny-bert").rename(repository)
        source = {"kind": "hub", "repository": "org/tiny", "revision": "main"}
        project.write_model("tiny-bert", source)
        address = hub.endpoint.replace("://", "://me:sesame@")
        for name, value in {
            **hub.environment(tmp_path / "cache"),
            "HF_ENDPOINT": address,
            "HF_TOKEN": TOKEN,
            "HF_HUB_OFFLINE": "0",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("project.environment", lambda: dict(os.environ))
        said = project.run("study")
    assert "Qtoken" not in said and "sesame" not in said
    done = subprocess.run(
        [sys.executable, "-m", "essential_sparsity.bundle", "pack", "study.yaml", "--masks"],
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": str(project.folder / "workflow")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (project.folder / "tiny.bundle.tar.gz").is_file()
    assert (project.results / "studies/tiny/report.html").is_file()
    assert leaks(project.folder, TOKEN, "Qtoken", "sesame") == []
    (project.folder / "leak.txt").write_text(TOKEN)
    assert leaks(project.folder, TOKEN) == ["leak.txt"], "the search itself finds nothing"
