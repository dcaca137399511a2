# All runs of the study and all of their predictions, as two tables for everybody's own analysis.
if PLAN.tidy_tables():

    rule tidy:
        input:
            list(PLAN.tables_called("runs").values()),
        output:
            PLAN.tidy_tables(),
        log:
            f"logs/studies/{STUDY.study}/tidy.log",
        benchmark:
            f"benchmarks/studies/{STUDY.study}/tidy.tsv"
        conda:
            "../envs/numpy.yaml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=60,
        params:
            spec=PLAN.tidy_spec().canonical(),
            code=fingerprint("essential_sparsity.tidy"),
            folder=subpath(output[0], parent=True),
        message:
            "All runs of the study, and their predictions"
        shell:
            "python -m essential_sparsity.tidy --spec {params.spec:q} --output {params.folder:q}"
            " 2>&1 | tee {log:q}"
