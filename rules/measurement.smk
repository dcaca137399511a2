# What figures need of one model as a whole, kept for all studies: one rule a kind that has such.
for kind, stage in stages.figures.MEASUREMENTS.items():
    MEASUREMENT = RULES.of(stage)

    rule:
        name:
            stage.name
        input:
            checkpoint=MEASUREMENT.inputs.checkpoint,
            masks=MEASUREMENT.inputs.masks,
        output:
            **MEASUREMENT.output,
        log:
            MEASUREMENT.log,
        benchmark:
            MEASUREMENT.benchmark
        conda:
            MEASUREMENT.conda
        resources:
            **MEASUREMENT.resources,
        params:
            **MEASUREMENT.params,
        message:
            MEASUREMENT.message
        shell:
            "python -m {params.module} --spec {params.spec:q} --model {wildcards.model:q}"
            " --threads {threads} --output {output:q} 2>&1 | tee {log:q}"
