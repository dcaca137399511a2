"""Where every artifact lies below `results/`: identity is in the path, and stated only here.

Each text is a pattern in Snakemake's and `str.format`'s common syntax.
"""

CHECKPOINT = "checkpoints/{model}"
CHECKPOINT_MANIFEST = CHECKPOINT + "/checkpoint.json"

TASK = "tasks/{task}/{preprocessor}"
TASK_MANIFEST = TASK + "/task.json"

HISTOGRAM = "histograms/{model}.safetensors"
MASK = "masks/{model}/{mask}.safetensors"
MASK_MANIFEST = "masks/{model}/{mask}.json"

RUN = "runs/{model}/{task}/{recipe}/{mask}/seed{seed}"
METRICS = RUN + "/metrics.parquet"
PREDICTIONS = RUN + "/predictions.parquet"

# What is measured of one model for figures: {measurement} is a figure kind, {set} a digest of what
# is measured.
MEASUREMENT = "{measurement}/{model}/{set}.parquet"

STUDY = "studies/{study}"
TABLE = STUDY + "/{experiment}/{table}.parquet"
FIGURE = STUDY + "/figures/{experiment}.{format}"
SUMMARY = STUDY + "/summary.txt"
