# Sparsities and seeds that results decide: each round of a search reads the runs of the round before
# it and says which are next, so that the jobs are known a round at a time.
from itertools import count

SEARCH = RULES.of(stages.figures.SEARCH)


def round_ahead(experiment, last=None):
    """Return the first round of a search that is not there, if it is `last` or before it.

    Snakemake does not look at the parameters of what waits for a checkpoint. So what waits for a
    round that is not there depends on its file alone, and is seen again when the round is done.
    """
    for number in count(1):
        if last is not None and number > last:
            return []
        path = Path(jobs.round_path(STUDY, experiment, number))
        if not path.exists():
            return [str(path)]
        checkpoints.search.get(experiment=experiment.name, round=str(number))
        if Round.load(path).is_last:
            return []


def round_runs(wildcards):
    """Return the runs that a round is decided from, once the round before it is there."""
    before = int(wildcards.round) - 1
    ahead = round_ahead(STUDY.experiments[wildcards.experiment], before)
    return [] if ahead else SEARCH.inputs.runs(wildcards)


def table_inputs(experiment):
    """Return what an experiment's tables are made from; of a search, all rounds and their runs."""
    ahead = round_ahead(experiment) if experiment.settings.search else []
    return ahead or stages.figures.table_inputs(STUDY, {"experiment": experiment.name})


checkpoint search:
    input:
        runs=round_runs,
        previous=SEARCH.inputs.previous,
    output:
        **SEARCH.output,
    log:
        SEARCH.log,
    benchmark:
        SEARCH.benchmark
    wildcard_constraints:
        experiment=one_of(e.name for e in jobs.searches(STUDY)),
        round=r"[1-9]\d*",
    conda:
        SEARCH.conda
    resources:
        **SEARCH.resources,
    params:
        **SEARCH.params,
        inputs=lambda wildcards, input: listed(input.runs),
    message:
        SEARCH.message
    shell:
        "python -m essential_sparsity.search --spec {params.spec:q} --inputs {params.inputs:q}"
        " {params.previous:q} --output {output:q} 2>&1 | tee {log:q}"
