# A task's examples, made ready once: tokens of a tokenizer, or pixels of an image processor.
rule task:
    input:
        checkpoint=lambda wildcards: PLAN.preprocessor_checkpoint(wildcards.preprocessor),
        missed=lambda wildcards: DIGESTS.never_seen(PLAN.task_files(wildcards.task)),
    output:
        paths.TASK_MANIFEST,
    log:
        "logs/tasks/{task}/{preprocessor}.log",
    benchmark:
        "benchmarks/tasks/{task}/{preprocessor}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 4000,
        runtime=lambda wildcards, attempt: attempt * 60,
        # Where that file lies is a machine's matter: as a parameter it would run jobs again.
        pins=PINS,
    params:
        spec=lambda wildcards: PLAN.task_spec(wildcards.task, wildcards.preprocessor).canonical(),
        code=lambda wildcards: fingerprint(*PLAN.task_modules(wildcards.task)),
        contents=lambda wildcards: DIGESTS.of(PLAN.task_files(wildcards.task)),
        checkpoint=subpath(input.checkpoint, parent=True),
        folder=subpath(output[0], parent=True),
    message:
        "Task data {wildcards.task} for {wildcards.preprocessor}"
    shell:
        "python -m essential_sparsity.tasks --spec {params.spec:q}"
        " --checkpoint {params.checkpoint:q} --pins {resources.pins:q} --output {params.folder:q}"
        " 2>&1 | tee {log:q}"


localrules:
    fetch,


# Nothing else needs a network: with these there, the study runs on machines that have none.
rule fetch:
    input:
        PLAN.fetched(),
    message:
        "All checkpoints and task data of the study"
