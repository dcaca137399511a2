# What figures need of one model as a whole, kept for all studies: one rule a kind that has such.
for kind in FIGURE_KINDS.values():
    if kind.measurement is None:
        continue

    rule:
        name:
            f"{kind.name}_measurement"
        input:
            lambda wildcards, kind=kind.name: PLAN.measurement_inputs(
                kind, wildcards.model, wildcards.set
            ),
        output:
            paths.MEASUREMENT.format(measurement=kind.name, model="{model}", set="{set}"),
        log:
            f"logs/{kind.name}/{{model}}/{{set}}.log",
        benchmark:
            f"benchmarks/{kind.name}/{{model}}/{{set}}.tsv"
        conda:
            "../envs/numpy.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: attempt * 2000,
            runtime=lambda wildcards, attempt: attempt * 60,
        params:
            spec=lambda wildcards, kind=kind.name: PLAN.measurement_spec(
                kind, wildcards.set
            ).canonical(),
            code=fingerprint(kind.measurement),
            module=kind.measurement,
        message:
            f"Measurement for {kind.name} figures of {{wildcards.model}}"
        shell:
            "python -m {params.module} --spec {params.spec:q} --model {wildcards.model:q}"
            " --threads {threads} --output {output:q} 2>&1 | tee {log:q}"
