# A task's examples, made ready once: tokens of a tokenizer, or pixels of an image processor.
TASK = RULES.of(stages.sources.TASK)


rule task:
    input:
        checkpoint=TASK.inputs.checkpoint,
        missed=TASK.inputs.missed,
    output:
        **TASK.output,
    log:
        TASK.log,
    benchmark:
        TASK.benchmark
    conda:
        TASK.conda
    resources:
        **TASK.resources,
        pins=PINS,
    params:
        **TASK.params,
    message:
        TASK.message
    shell:
        "python -m essential_sparsity.tasks --spec {params.spec:q}"
        " --checkpoint {params.checkpoint:q} --pins {resources.pins:q} --output {params.folder:q}"
        " 2>&1 | tee {log:q}"


localrules:
    fetch,


# Nothing else needs a network: with these there, the study runs on machines that have none.
rule fetch:
    input:
        [target for stage in STAGES if stage.remote for target in stage.targets(STUDY)],
    message:
        "All checkpoints and task data of the study"
