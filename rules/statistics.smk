# The tidy tables behind each figure: one rule a kind of figure, as they are found.
for kind in EXPERIMENT_KINDS.values():
    TABLES = RULES.of(stages.figures.TABLES[kind.name])

    rule:
        name:
            f"{kind.name}_statistics"
        input:
            artifacts=lambda wildcards: table_inputs(STUDY.experiments[wildcards.experiment]),
        output:
            **TABLES.output,
        log:
            TABLES.log,
        benchmark:
            TABLES.benchmark
        wildcard_constraints:
            experiment=one_of(stages.figures.figures_of(STUDY, kind)),
        conda:
            TABLES.conda
        resources:
            **TABLES.resources,
        params:
            **TABLES.params,
            inputs=lambda wildcards, input: listed(input.artifacts),
        message:
            TABLES.message
        shell:
            "python -m essential_sparsity.figures.tables_stage {params.kind} --spec {params.spec:q}"
            " --inputs {params.inputs:q} --output {params.folder:q} 2>&1 | tee {log:q}"
