"""Where every artifact lies below `results/`: identity is in the path, and stated only here.

Each text is a pattern in Snakemake's and `str.format`'s common syntax.
"""

import re

# What a job leaves of itself: what it printed, and what it took. {record} is mostly its artifact's
# path, without an ending.
LOG = "logs/{record}.log"
BENCHMARK = "benchmarks/{record}.tsv"

CHECKPOINT = "checkpoints/{model}"
CHECKPOINT_MANIFEST = CHECKPOINT + "/checkpoint.json"

TASK = "tasks/{task}/{preprocessor}"
TASK_MANIFEST = TASK + "/task.json"

HISTOGRAM = "histograms/{model}.safetensors"
HISTOGRAM_RECORD = "histograms/{model}"
MASK_RECORD = "masks/{model}/{mask}"
MASK = "masks/{model}/{mask}.safetensors"
MASK_MANIFEST = "masks/{model}/{mask}.json"

# What a training that finds a mask leaves besides: its evaluations, and the tensors that
# pre-training did not leave.
TRAINING = "trainings/{model}/{mask}"
TRAINING_METRICS = TRAINING + "/metrics.parquet"
HEAD = TRAINING + "/head.safetensors"

# A model's weights after the first steps of a dense fine-tuning, to rewind to.
REWIND = "rewinds/{model}/{task}/{recipe}/step{step}/seed{seed}.safetensors"

RUN = "runs/{model}/{task}/{recipe}/{mask}/seed{seed}"
METRICS = RUN + "/metrics.parquet"
PREDICTIONS = RUN + "/predictions.parquet"
# How far the fine-tuning moved each matrix.
MOVEMENT = RUN + "/movement.json"

# What is measured of one model for figures: {measurement} is a figure kind, {set} a digest of what
# is measured.
MEASUREMENT = "{measurement}/{model}/{set}.parquet"

STUDY = "studies/{study}"
TABLE = STUDY + "/{experiment}/{table}.parquet"
# What an experiment's search wants after each of its rounds.
SEARCH = STUDY + "/{experiment}/search"
SEARCH_ROUND = SEARCH + "/round{round}.json"
# A figure of the study as a whole is called as its kind.
FIGURE = STUDY + "/figures/{experiment}.{format}"
CLAIMS = STUDY + "/claims.parquet"
SUMMARY = STUDY + "/summary.txt"
PROVENANCE = STUDY + "/provenance.json"
REPORT = STUDY + "/report.html"

# Of the study as a whole: all of its runs, all of their predictions.
ALL_RUNS = STUDY + "/runs.parquet"
ALL_PREDICTIONS = STUDY + "/predictions.parquet"


def matching(pattern: str) -> re.Pattern[str]:
    """Return the expression that a pattern's paths match, with the parts by their names."""
    parts = re.split(r"{(\w+)}", pattern)
    named = (f"(?P<{p}>[^/.][^/]*)" if n % 2 else re.escape(p) for n, p in enumerate(parts))
    return re.compile("".join(named))
