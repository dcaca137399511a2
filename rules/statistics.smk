# The tidy tables behind each figure: one rule a kind of figure, as the registry lists them.
for kind in EXPERIMENT_KINDS.values():

    rule:
        name:
            f"{kind.name}_statistics"
        input:
            lambda wildcards: table_inputs(PLAN.experiment(wildcards.experiment)),
        output:
            [
                paths.TABLE.format(study="{study}", experiment="{experiment}", table=table)
                for table in kind.tables
            ],
        log:
            f"logs/studies/{{study}}/{{experiment}}/{kind.name}.log",
        benchmark:
            f"benchmarks/studies/{{study}}/{{experiment}}/{kind.name}.tsv"
        wildcard_constraints:
            experiment="|".join(e.name for e in PLAN.experiments_of(kind)) or "(?!)",
        conda:
            "../envs/numpy.yaml"
        threads: 1
        resources:
            mem_mb=4000,
            runtime=30,
        params:
            spec=lambda wildcards: PLAN.table_spec(
                PLAN.experiment(wildcards.experiment)
            ).canonical(),
            code=fingerprint("essential_sparsity.figures.tables_stage", kind.statistics),
            kind=kind.package,
            folder=subpath(output[0], parent=True),
        message:
            "Statistics of experiment {wildcards.experiment}"
        shell:
            "python -m essential_sparsity.figures.tables_stage {params.kind} --spec {params.spec:q}"
            " --output {params.folder:q} 2>&1 | tee {log:q}"
