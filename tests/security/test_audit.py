"""The audit of dependencies: what is not known is told apart from what is known to be sound."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci/audit.py"
SOUND = {"name": "a", "version": "1.0", "vulns": []}
UNKNOWN = {"name": "b", "skip_reason": "not found"}
FLAWED = {"name": "c", "version": "2.0", "vulns": [{"id": "CVE-1", "fix_versions": ["2.1"]}]}


@pytest.fixture
def audit(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Return `audit(pypi, osv)`, which gives a pip-audit these answers: packages, or an error."""

    def run(pypi: Any, osv: Any = "requests.ConnectionError: no") -> Any:
        answers = {"pypi": pypi, "osv": osv}
        program = tmp_path / "pip-audit"
        program.write_text(
            f"#!{sys.executable}\nimport json, sys\n"
            f"answer = {answers!r}[sys.argv[sys.argv.index('--vulnerability-service') + 1]]\n"
            "sys.exit(answer) if isinstance(answer, str) else print(json.dumps(answer))\n"
        )
        program.chmod(0o755)
        command = [sys.executable, SCRIPT, program, "requirements.lock"]
        return subprocess.run(command, capture_output=True, text=True)

    return run


def packages(*found: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps({"dependencies": found, "fixes": []}))


def test_a_known_vulnerability_fails(audit: Callable[..., Any]) -> None:
    done = audit(packages(SOUND, FLAWED, UNKNOWN))
    assert done.returncode == 1
    assert "audit: c 2.0: CVE-1, mended in 2.1" in done.stdout
    assert "audit: pypi knows nothing of 1: b" in done.stdout
    assert done.stdout.endswith("audit: 2 packages checked by pypi, 1 vulnerabilities\n")


def test_nothing_known_is_not_called_sound(audit: Callable[..., Any]) -> None:
    for pypi in (packages(UNKNOWN), "requests.ConnectionError: no"):
        done = audit(pypi)
        assert done.returncode == 0
        assert done.stdout.startswith("audit: NOT DONE, nobody could be asked (pypi: ")
        assert done.stdout.endswith("osv: ConnectionError)\n")
        assert done.stdout.count("\n") == 1


def test_the_second_service_is_asked(audit: Callable[..., Any]) -> None:
    done = audit(packages(UNKNOWN), packages(SOUND))
    assert done.returncode == 0
    assert done.stdout == "audit: 1 packages checked by osv, 0 vulnerabilities\n"


def test_without_the_program_it_says_so(tmp_path: Path) -> None:
    command = [sys.executable, SCRIPT, tmp_path / "none", "requirements.lock"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0
    assert "NOT DONE" in done.stdout and "FileNotFoundError" in done.stdout
