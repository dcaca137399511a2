# Masks that training finds: each is a job of its own, so that a chain that dies goes on where it was,
# and a longer one extends a shorter one.
ruleorder: ticket > mask


rule ticket:
    input:
        checkpoint=paths.CHECKPOINT_MANIFEST,
        task=lambda wildcards: PLAN.training_data(wildcards.model, wildcards.mask),
        mask=ancient(lambda wildcards: PLAN.begun(wildcards.model, wildcards.mask, paths.MASK)),
        mask_manifest=lambda wildcards: PLAN.begun(
            wildcards.model, wildcards.mask, paths.MASK_MANIFEST
        ),
        start=lambda wildcards: PLAN.training_start(wildcards.model, wildcards.mask),
    output:
        mask=paths.MASK,
        manifest=paths.MASK_MANIFEST,
        metrics=paths.TRAINING_METRICS,
        head=paths.HEAD,
    log:
        "logs/masks/{model}/{mask}.log",
    benchmark:
        "benchmarks/masks/{model}/{mask}.tsv"
    wildcard_constraints:
        mask=PLAN.trained_names,
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * MEMORY.training(wildcards.model),
        gpu=lambda wildcards: min(1, len(visible_gpus())),
        gpu_slots=1,
        slots_per_gpu=GPU_SLOTS,
        per_device_batch=0,
        runtime=lambda wildcards, attempt: attempt * 240,
    params:
        spec=lambda wildcards: PLAN.training_spec(wildcards.mask).canonical(),
        code=lambda wildcards: fingerprint(*PLAN.training_modules(wildcards.mask)),
        checkpoint=subpath(input.checkpoint, parent=True),
        task=subpath(input.task, parent=True),
        start=lambda wildcards, input: [f"--start={file}" for file in input.start],
        record=subpath(output.metrics, parent=True),
    message:
        "Ticket {wildcards.mask} of {wildcards.model}"
    shell:
        "python -m essential_sparsity.tickets --spec {params.spec:q}"
        " --checkpoint {params.checkpoint:q} --task {params.task:q} --mask {input.mask:q}"
        " --gpus {resources.gpu} --gpu-share {resources.gpu_slots}/{resources.slots_per_gpu}"
        " --per-device-batch {resources.per_device_batch}"
        " {params.start:q} --threads {threads} --output {output.mask:q} --record {params.record:q}"
        " 2>&1 | tee {log:q}"


# The weights after a few steps of training, where tickets are rewound to those.
rule rewind:
    input:
        checkpoint=paths.CHECKPOINT_MANIFEST,
        task=lambda wildcards: PLAN.task_data(wildcards.model, wildcards.task, wildcards.recipe),
        mask=ancient(paths.MASK.format(model="{model}", mask="dense")),
    output:
        paths.REWIND,
    log:
        f"logs/{paths.REWIND}.log",
    benchmark:
        f"benchmarks/{paths.REWIND}.tsv"
    wildcard_constraints:
        step=r"\d+",
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * MEMORY.training(wildcards.model),
        gpu=lambda wildcards: min(1, len(visible_gpus())),
        gpu_slots=1,
        slots_per_gpu=GPU_SLOTS,
        per_device_batch=0,
        runtime=lambda wildcards, attempt: attempt * 120,
    params:
        spec=lambda wildcards: PLAN.run_spec(
            wildcards.task, wildcards.recipe, int(wildcards.seed)
        ).canonical(),
        code=lambda wildcards: fingerprint(
            "essential_sparsity.tickets.rewind", *PLAN.run_modules(wildcards.task)
        ),
        checkpoint=subpath(input.checkpoint, parent=True),
        task=subpath(input.task, parent=True),
    message:
        "Weights of {wildcards.model} after {wildcards.step} steps on {wildcards.task}"
    shell:
        "python -m essential_sparsity.tickets.rewind --spec {params.spec:q}"
        " --steps {wildcards.step} --checkpoint {params.checkpoint:q} --task {params.task:q}"
        " --mask {input.mask:q} --gpus {resources.gpu}"
        " --gpu-share {resources.gpu_slots}/{resources.slots_per_gpu}"
        " --per-device-batch {resources.per_device_batch} --output {output:q} 2>&1 | tee {log:q}"
