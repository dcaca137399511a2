# Masks of a checkpoint. The manifest beside a mask holds its SHA-256: it, not the big file's time,
# tells whether what is built on the mask is still valid.
rule histogram:
    input:
        paths.CHECKPOINT_MANIFEST,
    output:
        paths.HISTOGRAM,
    log:
        "logs/histograms/{model}.log",
    benchmark:
        "benchmarks/histograms/{model}.tsv"
    conda:
        "../envs/numpy.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 30,
    params:
        code=fingerprint("essential_sparsity.masks.histogram"),
        checkpoint=subpath(input[0], parent=True),
    message:
        "Histogram of {wildcards.model}'s magnitudes"
    shell:
        "python -m essential_sparsity.masks.histogram --checkpoint {params.checkpoint:q}"
        " --threads {threads} --output {output:q} 2>&1 | tee {log:q}"


rule mask:
    input:
        checkpoint=paths.CHECKPOINT_MANIFEST,
        others=lambda wildcards: PLAN.mask_inputs(wildcards.model, wildcards.mask),
        missed=lambda wildcards: DIGESTS.never_seen(
            PLAN.mask_files(wildcards.model, wildcards.mask)
        ),
    output:
        mask=paths.MASK,
        manifest=paths.MASK_MANIFEST,
    log:
        "logs/masks/{model}/{mask}.log",
    benchmark:
        "benchmarks/masks/{model}/{mask}.tsv"
    # On a cluster several are one submission. Not those that a run comes before: that run may need a
    # mask of the same submission.
    group:
        lambda wildcards: "masks" if CLUSTER and PLAN.is_untrained(wildcards.mask) else None
    conda:
        "../envs/numpy.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 10,
    params:
        spec=lambda wildcards: PLAN.mask_spec(wildcards.mask).canonical(),
        code=lambda wildcards: fingerprint(*PLAN.mask_modules(wildcards.mask)),
        contents=lambda wildcards: DIGESTS.of(PLAN.mask_files(wildcards.model, wildcards.mask)),
        checkpoint=subpath(input.checkpoint, parent=True),
        others=lambda wildcards: PLAN.mask_arguments(wildcards.model, wildcards.mask),
    message:
        "Mask {wildcards.mask} of {wildcards.model}"
    shell:
        "python -m essential_sparsity.masks --spec {params.spec:q}"
        " --checkpoint {params.checkpoint:q} {params.others:q} --threads {threads}"
        " --output {output.mask:q} 2>&1 | tee {log:q}"


localrules:
    masks,


rule masks:
    input:
        PLAN.mask_targets(),
    message:
        "All masks of the study"
