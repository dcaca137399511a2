# The tidy tables behind each figure: one rule a kind of figure, as they are found.
for kind, stage in stages.figures.TABLES.items():
    TABLES = RULES.of(stage)

    rule:
        name:
            stage.name
        input:
            artifacts=lambda wildcards: table_inputs(STUDY.experiments[wildcards.experiment]),
        output:
            **TABLES.output,
        log:
            TABLES.log,
        benchmark:
            TABLES.benchmark
        wildcard_constraints:
            experiment=one_of(e.name for e in stages.figures.drawn_as(STUDY, FIGURE_KINDS[kind])),
        conda:
            TABLES.conda
        threads: 1
        resources:
            **TABLES.resources,
        params:
            **TABLES.params,
            module=FIGURE_KINDS[kind].statistics,
            folder=subpath(output[0], parent=True),
        message:
            TABLES.message
        shell:
            "python -m {params.module} --spec {params.spec:q} --output {params.folder:q}"
            " 2>&1 | tee {log:q}"
