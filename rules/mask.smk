# Masks of a checkpoint. The manifest beside a mask holds its SHA-256: it, not the big file's time,
# tells whether what is built on the mask is still valid.
rule mask:
    input:
        paths.CHECKPOINT_MANIFEST,
    output:
        mask=paths.MASK,
        manifest=paths.MASK_MANIFEST,
    log:
        "logs/masks/{model}/{mask}.log",
    benchmark:
        "benchmarks/masks/{model}/{mask}.tsv"
    conda:
        "../envs/numpy.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        spec=lambda wildcards: PLAN.mask_spec(wildcards.mask).canonical(),
        code=fingerprint("essential_sparsity.masks"),
        checkpoint=subpath(input[0], parent=True),
    message:
        "Mask {wildcards.mask} of {wildcards.model}"
    shell:
        "python -m essential_sparsity.masks --spec {params.spec:q}"
        " --checkpoint {params.checkpoint:q} --output {output.mask:q} 2>&1 | tee {log:q}"


localrules:
    masks,


rule masks:
    input:
        PLAN.mask_targets(),
    message:
        "All masks of the study"
