# One fine-tuning: a model under a mask, on a task, by a recipe, with a seed.
# Where jobs run on this machine, each has a GPU to itself, or a slot of one: as many at once as there
# are, unless --resources gpu=N (gpu_slots=N) says otherwise. Where a cluster places them, it counts.
if workflow.is_main_process and not CLUSTER:
    counted = "gpu" if GPU_SLOTS == 1 else "gpu_slots"
    if visible_gpus() and counted not in workflow.global_resources:
        workflow.register_resource(counted, len(visible_gpus()) * GPU_SLOTS)

RUN = RULES.of(stages.runs.RUN)


rule run:
    input:
        checkpoint=RUN.inputs.checkpoint,
        task=RUN.inputs.task,
        mask=ancient(RUN.inputs.mask),
        manifest=RUN.inputs.manifest,
        start=RUN.inputs.start,
    output:
        **RUN.output,
    log:
        RUN.log,
    benchmark:
        RUN.benchmark
    conda:
        RUN.conda
    resources:
        **RUN.resources,
    params:
        **RUN.params,
    message:
        RUN.message
    shell:
        "python -m essential_sparsity.runs --spec {params.spec:q}"
        " --checkpoint {params.checkpoint:q} --task {params.task:q} --mask {input.mask:q}"
        " {params.start:q} --score {params.score} --output {params.folder:q}"
        f" {ON_GPUS} 2>&1 | tee {{log:q}}"
