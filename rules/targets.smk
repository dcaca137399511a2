# What people ask for besides the whole study, and how it is told when a study starts and ends.
localrules:
    figures,


rule figures:
    input:
        stages.study.all_figures(STUDY),
    message:
        "All figures of the study"


for experiment in STUDY.experiments.values():

    rule:
        name:
            f"figure_{experiment.name}".replace("-", "_").replace(".", "_")
        input:
            stages.figures.FIGURES[experiment.kind.name].paths(
                STUDY, {"experiment": experiment.name}
            ),
        message:
            "One figure of the study"


if not FIGURES_ONLY:

    localrules:
        masks,
        runs,

    rule masks:
        input:
            stages.masks.MASK.targets(STUDY),
        message:
            "All masks of the study"

    rule runs:
        input:
            lambda _: [
                path
                for experiment in STUDY.experiments.values()
                if jobs.runs(STUDY, experiment)
                for path in table_inputs(experiment)
            ],
        message:
            "All runs of the study"


onstart:
    # By now the folder is Snakemake's: a dry run that was looking at it is soon gone.
    lock.take(Path(".snakemake"), patience=10, clear=False)
    if ahead := Counter(runs_ahead().values()):
        # Not imported where it is not needed, as it takes a while.
        from snakemake.logging import logger
        from essential_sparsity.estimate.watch import Pace, Watch, expected_seconds, forecast

        device = "gpu" if CLUSTER or visible_gpus() else "cpu"
        expected = expected_seconds(STUDY, device, ahead)
        if device == "cpu":
            print(forecast(expected, ahead, workflow.cores), file=sys.stderr, flush=True)
        known = {place: time.value for place, time in expected.items() if not time.unknown}
        logger.addHandler(Watch(Pace(known, queued=CLUSTER), runs_ahead))


onsuccess:
    summary = Path(stages.study.SUMMARY.targets(STUDY)[0])
    page = Path(stages.study.REPORT.targets(STUDY)[0])
    if summary.exists() and not workflow.dryrun:
        print(f"\n{summary.read_text()}", flush=True)
        if page.exists():
            print(f"Report\n{os.path.relpath(page, ROOT)}\n", flush=True)
