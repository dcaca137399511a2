# The verdicts on the paper's claims, from the tables of the study's experiments alone.
CLAIMS = paths.CLAIMS.format(study=STUDY.study)


rule claims:
    input:
        PLAN.claims_inputs(),
    output:
        CLAIMS,
    log:
        f"logs/studies/{STUDY.study}/claims.log",
    benchmark:
        f"benchmarks/studies/{STUDY.study}/claims.tsv"
    conda:
        "../envs/numpy.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        spec=PLAN.claims.canonical(),
        code=fingerprint("essential_sparsity.claims"),
        study=subpath(output[0], parent=True),
    message:
        "Claims of the paper, tested on the study's tables"
    shell:
        "python -m essential_sparsity.claims --spec {params.spec:q} --study {params.study:q}"
        " --output {output:q} 2>&1 | tee {log:q}"
