# Masks of a checkpoint. The manifest beside a mask holds its SHA-256: it, not the big file's time,
# tells whether what is built on the mask is still valid.
HISTOGRAM = RULES.of(stages.masks.HISTOGRAM)
MASK = RULES.of(stages.masks.MASK)


rule histogram:
    input:
        checkpoint=HISTOGRAM.inputs.checkpoint,
    output:
        **HISTOGRAM.output,
    log:
        HISTOGRAM.log,
    benchmark:
        HISTOGRAM.benchmark
    conda:
        HISTOGRAM.conda
    resources:
        **HISTOGRAM.resources,
    params:
        **HISTOGRAM.params,
    message:
        HISTOGRAM.message
    shell:
        "python -m essential_sparsity.masks.histogram --checkpoint {params.checkpoint:q}"
        " --threads {threads} --output {output:q} 2>&1 | tee {log:q}"


rule mask:
    input:
        checkpoint=MASK.inputs.checkpoint,
        histogram=MASK.inputs.histogram,
        masks=MASK.inputs.masks,
        made=MASK.inputs.made,
        missed=MASK.inputs.missed,
    output:
        **MASK.output,
    log:
        MASK.log,
    benchmark:
        MASK.benchmark
    group:
        submission
    conda:
        MASK.conda
    resources:
        **MASK.resources,
    params:
        **MASK.params,
    message:
        MASK.message
    shell:
        "python -m essential_sparsity.masks --spec {params.spec:q}"
        " --checkpoint {params.checkpoint:q} {params.others:q} --threads {threads}"
        " --output {output.mask:q} 2>&1 | tee {log:q}"
