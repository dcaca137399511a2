"""All stages, in the order in which their artifacts are made."""

from essential_sparsity.stages.figures import FIGURES, MEASUREMENTS, SEARCH, TABLES
from essential_sparsity.stages.masks import HISTOGRAM, MASK, TICKET
from essential_sparsity.stages.runs import REWIND, RUN
from essential_sparsity.stages.sources import CHECKPOINT, TASK
from essential_sparsity.stages.stage import Stage
from essential_sparsity.stages.study import CLAIMS, PROVENANCE, REPORT, SUMMARY, TIDY

STAGES: tuple[Stage, ...] = (
    CHECKPOINT,
    TASK,
    HISTOGRAM,
    REWIND,
    MASK,
    TICKET,
    *MEASUREMENTS.values(),
    RUN,
    SEARCH,
    *TABLES.values(),
    *FIGURES.values(),
    CLAIMS,
    TIDY,
    SUMMARY,
    PROVENANCE,
    REPORT,
)
