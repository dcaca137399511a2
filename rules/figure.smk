# Figures, from tables alone: one rule a kind. A kind may show the study as a whole, from the tables of
# all experiments that have them.
if FIGURES_ONLY:
    # Snakemake would take a figure that is there as good enough when its table is gone.
    for table in stages.study.all_tables(STUDY):
        if not os.path.exists(table):
            sys.exit(f"error: {RESULTS / table}: no such table; `make study` computes it")

for kind in FIGURE_KINDS.values():
    FIGURE = RULES.of(stages.figures.FIGURES[kind.name])

    rule:
        name:
            f"{kind.name}_figure"
        input:
            tables=FIGURE.inputs.tables,
        output:
            **reported(FIGURE, "png", kind.caption, "Figures", kind.name, of_study=kind.of_study),
        log:
            FIGURE.log,
        benchmark:
            FIGURE.benchmark
        wildcard_constraints:
            experiment=one_of(stages.figures.figures_of(STUDY, kind)),
        conda:
            FIGURE.conda
        resources:
            **FIGURE.resources,
        params:
            **FIGURE.params,
        message:
            FIGURE.message
        shell:
            "python -m essential_sparsity.figures.drawing_stage {params.kind} --spec {params.spec:q}"
            " --tables {params.tables:q} --output {params.stem:q} 2>&1 | tee {log:q}"
