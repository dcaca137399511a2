# A model, from the first of its sources that yields the pinned bytes.
CHECKPOINT = RULES.of(stages.sources.CHECKPOINT)


rule checkpoint:
    input:
        base=CHECKPOINT.inputs.base,
    output:
        **CHECKPOINT.output,
    log:
        CHECKPOINT.log,
    benchmark:
        CHECKPOINT.benchmark
    conda:
        CHECKPOINT.conda
    resources:
        **CHECKPOINT.resources,
        # Where that file lies is a machine's matter: as a parameter it would run jobs again.
        pins=PINS,
    params:
        **CHECKPOINT.params,
    message:
        CHECKPOINT.message
    shell:
        "python -m essential_sparsity.checkpoints --spec {params.spec:q} {params.base:q}"
        " --pins {resources.pins:q} --output {params.folder:q} 2>&1 | tee {log:q}"
