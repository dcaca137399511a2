# One fine-tuning: a model under a mask, on a task, by a recipe, with a seed.
# Where jobs run on this machine, each has a GPU to itself, or a slot of one: as many at once as there
# are, unless --resources gpu=N (gpu_slots=N) says otherwise. Where a cluster places them, it counts.
if workflow.is_main_process and not CLUSTER:
    counted = "gpu" if GPU_SLOTS == 1 else "gpu_slots"
    if visible_gpus() and counted not in workflow.global_resources:
        workflow.register_resource(counted, len(visible_gpus()) * GPU_SLOTS)


rule run:
    input:
        checkpoint=paths.CHECKPOINT_MANIFEST,
        task=lambda wildcards: PLAN.task_data(wildcards.model, wildcards.task, wildcards.recipe),
        mask=ancient(paths.MASK),
        mask_manifest=paths.MASK_MANIFEST,
        start=lambda wildcards: PLAN.run_start(wildcards.model, wildcards.mask),
    output:
        metrics=paths.METRICS,
        predictions=paths.PREDICTIONS,
        movement=paths.MOVEMENT,
    log:
        f"logs/{paths.RUN}.log",
    benchmark:
        f"benchmarks/{paths.RUN}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * MEMORY.training(wildcards.model),
        runtime=lambda wildcards, attempt: attempt * 240,
        # A profile may ask for more, which then share a run's batches (set-resources: run:gpu=2).
        gpu=lambda wildcards: min(1, len(visible_gpus())),
        # How many of its GPU's slots it takes (--config gpu_slots=N): a large model may need more.
        gpu_slots=1,
        slots_per_gpu=GPU_SLOTS,
        # Examples that a device takes at once: a matter of its memory, not of science. 0: the
        # recipe's batch.
        per_device_batch=0,
    params:
        spec=lambda wildcards: PLAN.run_spec(
            wildcards.task, wildcards.recipe, int(wildcards.seed)
        ).canonical(),
        code=lambda wildcards: fingerprint(*PLAN.run_modules(wildcards.task)),
        checkpoint=subpath(input.checkpoint, parent=True),
        task=subpath(input.task, parent=True),
        folder=subpath(output.metrics, parent=True),
        start=lambda wildcards, input: [f"--start={file}" for file in input.start],
    message:
        "Run {wildcards.model} on {wildcards.task}, {wildcards.mask}, seed {wildcards.seed}"
    shell:
        "python -m essential_sparsity.runs --spec {params.spec:q}"
        " --checkpoint {params.checkpoint:q} --task {params.task:q} --mask {input.mask:q}"
        " {params.start:q} --output {params.folder:q} --gpus {resources.gpu}"
        " --gpu-share {resources.gpu_slots}/{resources.slots_per_gpu}"
        " --per-device-batch {resources.per_device_batch} 2>&1 | tee {log:q}"


localrules:
    runs,


rule runs:
    input:
        lambda _: [t for e in STUDY.experiments if PLAN.runs(e) for t in table_inputs(e)],
    message:
        "All runs of the study"
