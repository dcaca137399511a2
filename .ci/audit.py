"""Says which locked packages have known vulnerabilities, or that nobody could be asked.

    python .ci/audit.py PIP_AUDIT LOCK...

Ends with status 1 only if a vulnerability is known: where the services cannot be reached, or know
nothing of a package (pip-audit then skips it and is content), a line says so.
"""

import json
import subprocess
import sys
from typing import Any

_SERVICES = ("pypi", "osv")


def audit(program: str, locks: list[str]) -> tuple[list[str], bool]:
    """Return the lines to print, and whether a vulnerability is known."""
    reasons = []
    for service in _SERVICES:
        found, reason = _ask(program, locks, service)
        checked = [package for package in found if "skip_reason" not in package]
        if checked:
            return _tell(found, checked, service)
        reasons.append(f"{service}: {reason or f'knows none of {len(found)} packages'}")
    return [f"audit: NOT DONE, nobody could be asked ({'; '.join(reasons)})"], False


def _tell(
    found: list[dict[str, Any]], checked: list[dict[str, Any]], service: str
) -> tuple[list[str], bool]:
    lines = [
        f"audit: {package['name']} {package['version']}: {flaw['id']}, mended in "
        f"{', '.join(flaw['fix_versions']) or 'no version yet'}"
        for package in checked
        for flaw in package["vulns"]
    ]
    count = len(lines)
    if skipped := [package["name"] for package in found if "skip_reason" in package]:
        lines.append(f"audit: {service} knows nothing of {len(skipped)}: {', '.join(skipped)}")
    lines.append(f"audit: {len(checked)} packages checked by {service}, {count} vulnerabilities")
    return lines, count > 0


def _ask(program: str, locks: list[str], service: str) -> tuple[list[dict[str, Any]], str]:
    """Return pip-audit's packages, and why there are none."""
    command = [
        program, "--vulnerability-service", service, "--no-deps", "--disable-pip",
        "--timeout", "10", "--progress-spinner", "off", "--format", "json",
        *(word for lock in locks for word in ("--requirement", lock)),
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [], type(error).__name__
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        return [], last.split(":")[0].rpartition(".")[2]
    return packages, ""


if __name__ == "__main__":
    lines, vulnerable = audit(sys.argv[1], sys.argv[2:])
    print("\n".join(lines))
    sys.exit(vulnerable)
