# Figures, from tables alone: one rule a kind of figure, and one target an experiment.
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
                caption=CAPTIONS / f"{kind}.rst",
                category="Figures",
                labels={"experiment": "{experiment}", "kind": kind},
            ),
        log:
            FIGURE.log,
        benchmark:
            FIGURE.benchmark
        wildcard_constraints:
            experiment=one_of(e.name for e in stages.figures.drawn_as(STUDY, FIGURE_KINDS[kind])),
        conda:
            FIGURE.conda
        threads: 1
        resources:
            **FIGURE.resources,
        params:
            **FIGURE.params,
            module=FIGURE_KINDS[kind].drawing,
            tables=subpath(input[0], parent=True),
            stem=subpath(output.png, strip_suffix=".png"),
        message:
            FIGURE.message
        shell:
            "python -m {params.module} --spec {params.spec:q} --tables {params.tables:q}"
            " --output {params.stem:q} 2>&1 | tee {log:q}"


# The essential sparsities of all experiments side by side.
if stages.figures.ESSENTIAL.targets(STUDY):
    ESSENTIAL = RULES.of(stages.figures.ESSENTIAL)

    rule essential:
        input:
            tables=ESSENTIAL.inputs.tables,
        output:
            pdf=ESSENTIAL.output["pdf"],
            data=ESSENTIAL.output["parquet"],
            png=report(
                ESSENTIAL.output["png"],
                caption=CAPTIONS / "essential.rst",
                category="Figures",
                labels={"experiment": "all", "kind": "essential"},
            ),
        log:
            ESSENTIAL.log,
        benchmark:
            ESSENTIAL.benchmark
        conda:
            ESSENTIAL.conda
        threads: 1
        resources:
            **ESSENTIAL.resources,
        params:
            **ESSENTIAL.params,
            tables=lambda wildcards, input: [os.path.dirname(table) for table in input.tables],
            stem=subpath(output.png, strip_suffix=".png"),
        message:
            ESSENTIAL.message
        shell:
            "python -m essential_sparsity.figures.essential --spec {params.spec:q}"
            " --tables {params.tables:q} --output {params.stem:q} 2>&1 | tee {log:q}"
