# All runs of the study and all of their predictions, as two tables for everybody's own analysis.
if stages.study.TIDY.targets(STUDY):
    TIDY = RULES.of(stages.study.TIDY)

    rule tidy:
        input:
            runs=TIDY.inputs.runs,
        output:
            **TIDY.output,
        log:
            TIDY.log,
        benchmark:
            TIDY.benchmark
        conda:
            TIDY.conda
        resources:
            **TIDY.resources,
        params:
            **TIDY.params,
        message:
            TIDY.message
        shell:
            "python -m essential_sparsity.tidy --spec {params.spec:q} --output {params.folder:q}"
            " 2>&1 | tee {log:q}"
