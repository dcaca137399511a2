# Sparsities and seeds that results decide: each round of a search reads the runs of the round before
# it and says which are next, so that the jobs are known a round at a time.
from essential_sparsity.search.rounds import Round


def read_round(experiment, number):
    """Return a round of an experiment's search, None if it is not there; stop until it is valid.

    Snakemake does not look at the parameters of what waits for a checkpoint. So what waits for a
    round that is not there depends on its file alone, and is seen again when the round is done.
    """
    path = Path(PLAN.round_path(experiment, number))
    if not path.exists():
        return None
    checkpoints.search.get(study=STUDY.study, experiment=experiment.name, round=str(number))
    return Round.load(path)


def round_inputs(wildcards):
    """Return what a round is decided from: the runs that the one before it wants, and itself."""
    experiment, before = PLAN.experiment(wildcards.experiment), int(wildcards.round) - 1
    if not before:
        return {"runs": PLAN.round_inputs(experiment, None)}
    previous = [PLAN.round_path(experiment, before)]
    found = read_round(experiment, before)
    runs = PLAN.round_inputs(experiment, found) if found else []
    return {"runs": runs, "previous": previous}


def table_inputs(experiment):
    """Return what an experiment's tables are made from; of a search, all rounds and their runs."""
    if experiment.search is None:
        return PLAN.table_inputs(experiment)
    rounds, found = [], None
    while found is None or not found.is_last:
        rounds.append(PLAN.round_path(experiment, len(rounds) + 1))
        found = read_round(experiment, len(rounds))
        if found is None:
            return rounds
    return [*rounds, *PLAN.round_inputs(experiment, found)]


checkpoint search:
    input:
        unpack(round_inputs),
    output:
        paths.SEARCH_ROUND,
    log:
        f"logs/{paths.SEARCH_ROUND}.log",
    benchmark:
        f"benchmarks/{paths.SEARCH_ROUND}.tsv"
    wildcard_constraints:
        experiment="|".join(e.name for e in PLAN.searches()) or "(?!)",
        round=r"[1-9]\d*",
    conda:
        "../envs/numpy.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        spec=lambda wildcards: PLAN.round_spec(PLAN.experiment(wildcards.experiment)).canonical(),
        code=fingerprint("essential_sparsity.search"),
        previous=lambda wildcards, input: [f"--previous={f}" for f in input.get("previous", [])],
    message:
        "Search of experiment {wildcards.experiment}, round {wildcards.round}"
    shell:
        "python -m essential_sparsity.search --spec {params.spec:q} {params.previous:q}"
        " --output {output:q} 2>&1 | tee {log:q}"
