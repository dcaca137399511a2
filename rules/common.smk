# What all rules share: the study, its plan, code fingerprints, and where jobs find the package.
import os
import re
import sys
from collections import Counter
from pathlib import Path

# Not `workflow.basedir`, which is another one where this workflow is a module of somebody else's.
ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=False)).parent
sys.path.insert(0, str(ROOT / "workflow"))

# Jobs run the interpreter that runs Snakemake (a conda environment's goes before it, if asked for)
# and find the package without it being installed.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
    PYTHONPATH=str(ROOT / "workflow"),
)

# Redraw figures from tables that are there; no rule that could compute or fetch is even known.
FIGURES_ONLY = config.get("figures_only", False)
RESULTS = Path(config.get("results", ROOT / "results"))
# Whether a scheduler places the jobs, on this machine or others.
CLUSTER = workflow.resource_settings.nodes is not None
# How many jobs may share a GPU of this machine.
GPU_SLOTS = config.get("gpu_slots", 1)
if not isinstance(GPU_SLOTS, int) or GPU_SLOTS < 1:
    sys.exit(f"error: gpu_slots: {GPU_SLOTS}; it must be a whole number, 1 or more")

SETTINGS = {"figures_only", "results", "gpu_slots"}
if not set(config) - SETTINGS:

    configfile: ROOT / "config.yaml"


# What is left is the study.
for setting in SETTINGS:
    config.pop(setting, None)


# Snakemake's records live in results/.snakemake, so that a copied or shared results folder brings
# along what it was made from, and two clones that share one lock each other out.
workdir: RESULTS


FILES = tuple(os.path.relpath(file, ROOT) for file in workflow.configfiles)
WHERE = " + ".join(FILES) or "--config"
# The folder of the study's file, from where that really is, if it is a link.
BESIDE = Path(next(iter(workflow.configfiles), ROOT / "config.yaml")).resolve().parent
# What hubs served first, a file beside the study, as jobs in the results folder see it.
PINS = os.path.relpath(BESIDE / "models.lock")

from essential_sparsity.support import extensions
from essential_sparsity.support.errors import UserError, machine_failure, one_line

try:
    # Registries are filled when they are imported, which is why the rest of the package comes after.
    extensions.use(config, BESIDE, WHERE)
    from essential_sparsity import stages
    from essential_sparsity.figures.kinds import EXPERIMENT_KINDS, FIGURE_KINDS, STUDY_KINDS
    from essential_sparsity.masks.trained import Trained
    from essential_sparsity.search.rounds import Round
    from essential_sparsity.stages.all import STAGES
    from essential_sparsity.stages.format import check_format
    from essential_sparsity.stages.rule import Rules, listed
    from essential_sparsity.study import jobs
    from essential_sparsity.study.document import Study
    from essential_sparsity.support import lock
    from essential_sparsity.support.files import correct_times, sha256_of
    from essential_sparsity.support.gpus import visible_gpus
    from essential_sparsity.support.pipeline import sample_often

    STUDY = jobs.resolve_study(Study.check(config, WHERE), ROOT, FILES, Path())
except UserError as error:
    # One line, where Snakemake's own way of ending would frame it in file names of this workflow.
    sys.exit(f"error: {one_line(error)}")

sample_often()

# A crash leaves Snakemake's own lock behind: it is cleared here, unless its owner is or may be alive.
# Whether this is a dry run, which may look at a folder in use, is not known yet: Snakemake's lock
# decides.
if workflow.is_main_process:
    try:
        if holder := lock.take(Path(".snakemake").resolve(), patience=60):
            print(f"note: {holder.describe(RESULTS)}", file=sys.stderr)
        elif corrected := correct_times(Path.cwd()):
            print(
                f"note: {RESULTS}: {corrected} files had times in the future, which are set to now",
                file=sys.stderr,
            )
        if not FIGURES_ONLY:
            check_format(Path(), WHERE)
    except UserError as error:
        sys.exit(f"error: {one_line(error)}")
    except OSError as error:
        sys.exit(f"error: {machine_failure(error) or error}")

# Every stage's directives, with the study filled in.
RULES = Rules(STUDY, GPU_SLOTS)
# What trainings are told of the GPUs that they have.
ON_GPUS = (
    "--gpus {resources.gpu} --gpu-share {resources.gpu_slots}/{resources.slots_per_gpu}"
    " --per-device-batch {resources.per_device_batch}"
)


def one_of(names):
    """Return a regular expression of names, one that fits nothing if there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


def reported(stage, role, caption, category, kind, of_study):
    """Return a stage's outputs, of which Snakemake's own report shows the one with this role."""
    labels = {"experiment": "all" if of_study else "{experiment}", "kind": kind}
    shown = report(stage.output[role], caption=caption, category=category, labels=labels)
    return {**stage.output, role: shown}


def if_kept(files):
    """Return files, but of figures alone those that are there: nothing could make the others."""
    return [file for file in files if not FIGURES_ONLY or os.path.exists(file)]


def submission(wildcards):
    """Return with which masks one is submitted to a cluster.

    None of those that a run comes before: that run may need a mask of the same submission.
    """
    alone = not CLUSTER or not stages.masks.is_untrained(STUDY, wildcards.mask)
    return None if alone else "masks"


def runs_ahead():
    """Return job's number → (model, task, recipe) of the fine-tunings that are not done."""
    ahead = {}
    for job in workflow.dag.needrun_jobs():
        # By the message, as names may have a prefix.
        if job.rule.message == stages.runs.RUN.message:
            ahead[job.jobid] = job.wildcards.model, job.wildcards.task, job.wildcards.recipe
        elif job.rule.message == stages.masks.TICKET.message:
            mask = stages.masks.training(STUDY, job.wildcards.mask)
            ahead[job.jobid] = job.wildcards.model, mask.task, mask.recipe
    return ahead


wildcard_constraints:
    model=r"[^/]+",
    task=r"[^/]+",
    preprocessor=r"[^/]+-[^/]+",
    recipe=r"[^/]+",
    mask=r"[^/]+",
    seed=r"\d+",
    set=r"[0-9a-f]{8}",
    experiment=one_of([*STUDY.experiments, *STUDY_KINDS]),
