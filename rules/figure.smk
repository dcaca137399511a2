# Figures, from tables alone: one rule a kind. Some kinds show the study as a whole, from the tables of
# all experiments that have them.
if FIGURES_ONLY:
    # Snakemake would take a figure that is there as good enough when its table is gone.
    for table in stages.study.all_tables(STUDY):
        if not os.path.exists(table):
            sys.exit(f"error: {RESULTS / table}: no such table; `make study` computes it")

for kind, stage in stages.figures.FIGURES.items():
    FIGURE = RULES.of(stage)

    rule:
        name:
            stage.name
        input:
            tables=FIGURE.inputs.tables,
        output:
            pdf=FIGURE.output["pdf"],
            data=FIGURE.output["parquet"],
            png=report(
                FIGURE.output["png"],
                caption=FIGURE_KINDS[kind].caption,
                category="Figures",
                labels={
                    "experiment": "all" if FIGURE_KINDS[kind].of_study else "{experiment}",
                    "kind": kind,
                },
            ),
        log:
            FIGURE.log,
        benchmark:
            FIGURE.benchmark
        wildcard_constraints:
            experiment=one_of(place["experiment"] for place in stage.places(STUDY)),
        conda:
            FIGURE.conda
        threads: 1
        resources:
            **FIGURE.resources,
        params:
            **FIGURE.params,
            kind=FIGURE_KINDS[kind].package,
            tables=lambda wildcards, input: list(dict.fromkeys(map(os.path.dirname, input.tables))),
            stem=subpath(output.png, strip_suffix=".png"),
        message:
            FIGURE.message
        shell:
            "python -m essential_sparsity.figures.drawing_stage {params.kind}"
            " --spec {params.spec:q} --tables {params.tables:q} --output {params.stem:q} 2>&1 | tee {log:q}"
