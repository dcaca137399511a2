# The verdicts on the paper's claims, from the tables of the study's experiments alone.
CLAIMS = RULES.of(stages.study.CLAIMS)


rule claims:
    input:
        tables=CLAIMS.inputs.tables,
    output:
        **CLAIMS.output,
    log:
        CLAIMS.log,
    benchmark:
        CLAIMS.benchmark
    conda:
        CLAIMS.conda
    resources:
        **CLAIMS.resources,
    params:
        **CLAIMS.params,
    message:
        CLAIMS.message
    shell:
        "python -m essential_sparsity.claims --spec {params.spec:q} --study {params.folder:q}"
        " --output {output:q} 2>&1 | tee {log:q}"
