# The contents page. What is run is in a study file (config.yaml unless --configfile names another),
# how it is computed in workflow/essential_sparsity, how jobs are placed in profiles/.
from snakemake.utils import min_version

min_version("9.27")


include: "rules/common.smk"


if not FIGURES_ONLY:

    include: "rules/checkpoint.smk"
    include: "rules/task.smk"
    include: "rules/mask.smk"
    include: "rules/run.smk"
    include: "rules/ticket.smk"
    include: "rules/measurement.smk"
    include: "rules/search.smk"
    include: "rules/statistics.smk"
    include: "rules/tidy.smk"


include: "rules/figure.smk"
include: "rules/claims.smk"
include: "rules/study.smk"
include: "rules/targets.smk"


rule study:
    default_target: True
    input:
        stages.study.all_figures(STUDY),
        [
            target
            for stage in (stages.study.SUMMARY, stages.study.TIDY, stages.study.REPORT)
            for target in stage.targets(STUDY)
        ],
    message:
        "The whole study"
