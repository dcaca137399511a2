"""Find damaged files below the results, remove them, and make again those of a study.

Every byte of every artifact that lies there is read, of this study or of others. An artifact whose
bytes are not those that were written is removed, with the files that are of no use without it; so
is what was made from another checkpoint, mask or data than those that lie there now.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

from tqdm import tqdm

from essential_sparsity.repair.artifacts import Artifact, artifacts, foreign
from essential_sparsity.stages.all import STAGES
from essential_sparsity.stages.checks import Finding
from essential_sparsity.study.jobs import load_study
from essential_sparsity.study.resolve import Resolved
from essential_sparsity.support import lock
from essential_sparsity.support.errors import UserError, run_stage
from essential_sparsity.support.files import available_cores
from essential_sparsity.support.pipeline import make_targets

_ROOT = Path(__file__).parents[3]


def find(study: Resolved) -> list[tuple[Artifact, Finding]]:
    """Return what is damaged, or made from something else, in the order of making."""
    root = study.results
    everything = artifacts(root)

    def check(artifact: Artifact) -> list[Finding]:
        assert artifact.stage.check is not None  # as it is one that a stage reads
        return list(artifact.stage.check(root, artifact.files))

    with ThreadPoolExecutor(available_cores()) as pool:
        checked = pool.map(check, everything)
        # None: a bar where somebody watches, nothing in a log.
        shown = tqdm(checked, "checking", len(everything), disable=None, leave=False)
        damage = list(zip(everything, shown, strict=True))
    found = [(artifact, finding) for artifact, findings in damage for finding in findings]
    found += foreign(study, [artifact for artifact, findings in damage if not findings])
    return sorted(found, key=lambda pair: pair[0].level)


def remove(root: Path, artifact: Artifact) -> None:
    """Delete the artifact, with what is of no use without it."""
    if artifact.stage.whole_folder:
        shutil.rmtree(root / artifact.files[0].parent)
    else:
        for path in artifact.files:
            (root / path).unlink(missing_ok=True)


def _is_of(study: Resolved, artifact: Artifact) -> bool:
    """Tell whether the study knows how the artifact is made."""
    stage, names = artifact.stage, artifact.names
    if "study" in names:
        own = {key: value for key, value in names.items() if key != "study"}
        # A path does not tell which kind of figure an experiment has.
        alike = [other for other in STAGES if other.outputs == stage.outputs]
        known = any(own in other.places(study) for other in alike)
        return names["study"] == study.study.study and known
    try:
        for function in stage.inputs.values():
            function(study, names)
        if stage.spec is not None:
            stage.spec(study, names)
    except UserError:
        return False
    return True


def _rebuild(wanted: Iterable[Artifact], study: Path, results: Path, profile: str) -> int:
    """Have the workflow make artifacts, given in the order of making; return its exit status.

    One stage at a time: what is made again as it was then makes nothing else run again.
    """
    for _, some in groupby(wanted, key=lambda artifact: artifact.level):
        targets = [artifact.outputs[0] for artifact in some]
        for done in make_targets(targets, _ROOT, study, results, profile):
            if done.returncode:
                return done.returncode
    return 0


def main() -> None:
    """Check, tell, and unless told only to check, remove and make again."""
    parser = argparse.ArgumentParser(
        prog="python -m essential_sparsity.repair",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("study", type=Path, help="a study file")
    parser.add_argument(
        "--results", type=Path, metavar="FOLDER", help="where results lie: results/ if not given"
    )
    parser.add_argument(
        "--check", action="store_true", help="only tell; exit status 1 if something is damaged"
    )
    parser.add_argument("--profile", default="default", help="where jobs run (default)")
    arguments = parser.parse_args()
    results = Path(os.path.relpath(arguments.results or _ROOT / "results"))
    study = load_study(arguments.study, _ROOT, results)
    if not results.is_dir():
        print(f"{results}: no such folder; nothing is there to repair", file=sys.stderr)
        return
    if not arguments.check and (holder := lock.take(results / ".snakemake", clear=False)):
        raise UserError(f"{holder.describe(results)}; repair it when that has ended")
    found = find(study)
    for _, finding in found:
        print(f"{results / finding.path}: {finding.what}")
    unusable = list(dict.fromkeys(artifact for artifact, _ in found))
    if not unusable:
        print(f"{results}: all whole", file=sys.stderr)
        return
    if arguments.check:
        sys.exit(1)
    for artifact in unusable:
        remove(results, artifact)
    lock.release()
    own = [artifact for artifact in unusable if _is_of(study, artifact)]
    print(
        f"{results}: {len(unusable)} artifacts removed; {len(own)} of them are of "
        f"{arguments.study} and made again now",
        file=sys.stderr,
        flush=True,
    )
    sys.exit(_rebuild(own, arguments.study, results, arguments.profile))


if __name__ == "__main__":
    run_stage(main)
