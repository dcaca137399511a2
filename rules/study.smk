# The study's summary, and how it is told when the study ends.
SUMMARY = paths.SUMMARY.format(study=STUDY.study)


rule summary:
    input:
        tables=PLAN.all_tables,
        claims=CLAIMS,
    output:
        SUMMARY,
    log:
        f"logs/studies/{STUDY.study}/summary.log",
    benchmark:
        f"benchmarks/studies/{STUDY.study}/summary.tsv"
    conda:
        "../envs/numpy.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=fingerprint("essential_sparsity.statistics.summary"),
        tables=sorted({os.path.dirname(PLAN.tables(e)[0]) for e in STUDY.experiments}),
        figures=[PLAN.figures(e)[0] for e in STUDY.experiments] + PLAN.essential_figure()[:1],
        root=f"{os.path.relpath(os.getcwd(), ROOT)}/",
    message:
        "Summary of the study"
    shell:
        "python -m essential_sparsity.statistics.summary --tables {params.tables:q}"
        " --claims {input.claims:q}"
        " --figures {params.figures:q} --root {params.root:q} --output {output:q} 2>&1 | tee {log:q}"


onstart:
    # By now the folder is Snakemake's: a dry run that was looking at it is soon gone.
    lock.take(Path(".snakemake"), patience=10, clear=False)
    if ahead := Counter(runs_ahead().values()):
        # Not imported where it is not needed, as it takes a while.
        from snakemake.logging import logger
        from essential_sparsity.estimate.forecast import expected_seconds, forecast
        from essential_sparsity.estimate.pace import Pace
        from essential_sparsity.estimate.watch import Watch

        device = "gpu" if CLUSTER or visible_gpus() else "cpu"
        expected = expected_seconds(PLAN, Path(), device, ahead)
        if device == "cpu":
            print(forecast(expected, ahead, workflow.cores), file=sys.stderr, flush=True)
        known = {place: time.value for place, time in expected.items() if not time.unknown}
        logger.addHandler(Watch(Pace(known, queued=CLUSTER), runs_ahead))


onsuccess:
    if os.path.exists(SUMMARY) and not workflow.dryrun:
        print(f"\n{Path(SUMMARY).read_text()}", flush=True)
        if os.path.exists(REPORT):
            print(f"Report\n{os.path.relpath(REPORT, ROOT)}\n", flush=True)
