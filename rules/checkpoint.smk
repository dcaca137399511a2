# A model, from the first of its sources that yields the pinned bytes.
from essential_sparsity.checkpoints.contents import choose


rule checkpoint:
    input:
        lambda wildcards: PLAN.checkpoint_base(wildcards.model),
    output:
        paths.CHECKPOINT_MANIFEST,
    log:
        "logs/checkpoints/{model}.log",
    benchmark:
        "benchmarks/checkpoints/{model}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * MEMORY.reading(wildcards.model),
        runtime=lambda wildcards, attempt: attempt * 120,
        # Where that file lies is a machine's matter: as a parameter it would run jobs again.
        pins=PINS,
    params:
        spec=lambda wildcards: PLAN.checkpoint_spec(wildcards.model).canonical(),
        code=fingerprint("essential_sparsity.checkpoints"),
        folder=subpath(output[0], parent=True),
        contents=lambda wildcards: DIGESTS.of(PLAN.checkpoint_folders(wildcards.model), choose),
        base=lambda wildcards: PLAN.base_arguments(wildcards.model),
    message:
        "Checkpoint {wildcards.model}"
    shell:
        "python -m essential_sparsity.checkpoints --spec {params.spec:q} {params.base:q}"
        " --pins {resources.pins:q} --output {params.folder:q} 2>&1 | tee {log:q}"
