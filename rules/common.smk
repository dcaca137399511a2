# What every rule shares: the study, its plan, code fingerprints, and where jobs find the package.
import os
import sys
from pathlib import Path

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT / "workflow"))

from essential_sparsity import lock, paths
from essential_sparsity.errors import UserError, one_line
from essential_sparsity.figures.kinds import FIGURE_KINDS
from essential_sparsity.fingerprint import fingerprint
from essential_sparsity.plan import Plan
from essential_sparsity.study import Study

# Jobs run the interpreter that runs Snakemake (a conda environment's goes before it, if asked for)
# and find the package without it being installed.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
os.environ["PYTHONPATH"] = str(ROOT / "workflow")

# Redraw figures from tables that are there; no rule that could compute or fetch is even known.
FIGURES_ONLY = config.pop("figures_only", False)

if not config:

    configfile: ROOT / "config.yaml"


# Snakemake's records live in results/.snakemake, so that a copied or shared results folder brings
# along what it was made from, and two clones that share one lock each other out.
workdir: Path(config.pop("results", ROOT / "results"))


STUDY_FILE = " + ".join(os.path.relpath(f, ROOT) for f in workflow.configfiles)

try:
    PLAN = Plan(Study.check(config, STUDY_FILE), ROOT, STUDY_FILE, Path(os.path.relpath(ROOT)))
    if workflow.is_main_process and not workflow.dryrun:
        lock.hold(Path(".snakemake"))
except UserError as error:
    # One line, where Snakemake's own way of ending would frame it in file names of this workflow.
    sys.exit(f"error: {one_line(error)}")

STUDY = PLAN.study
NAMES = "|".join(e.name for e in STUDY.experiments)


def as_text(spec):
    """A job's spec as its one parameter: canonical, so that it changes when the spec does."""
    return spec.canonical()


wildcard_constraints:
    model=r"[^/]+",
    task=r"[^/]+",
    preprocessor=r"[^/]+-\d+",
    recipe=r"[^/]+",
    mask=r"[^/]+",
    seed=r"\d+",
    study=STUDY.study,
    experiment=NAMES,


localrules:
    study,
    figures,
    masks,
    runs,
