# Figures, from tables alone: one rule a kind, and one target an experiment. A kind may show the study
# as a whole, from the tables of all experiments that have them.
if FIGURES_ONLY:
    # Snakemake would take a figure that is there as good enough when its table is gone.
    for table in PLAN.all_tables:
        if not os.path.exists(table):
            sys.exit(f"error: {RESULTS / table}: no such table; `make study` computes it")

for kind in FIGURE_KINDS.values():

    rule:
        name:
            f"{kind.name}_figure"
        input:
            lambda wildcards: PLAN.figure_tables(wildcards.experiment),
        output:
            report(
                paths.FIGURE.format(study="{study}", experiment="{experiment}", format="png"),
                caption=kind.caption,
                category="Figures",
                labels={"experiment": "all" if kind.of_study else "{experiment}", "kind": kind.name},
            ),
            paths.FIGURE.format(study="{study}", experiment="{experiment}", format="pdf"),
            paths.FIGURE.format(study="{study}", experiment="{experiment}", format="parquet"),
        log:
            f"logs/studies/{{study}}/figures/{{experiment}}.{kind.name}.log",
        benchmark:
            f"benchmarks/studies/{{study}}/figures/{{experiment}}.{kind.name}.tsv"
        wildcard_constraints:
            experiment="|".join(PLAN.figures_of_kind(kind)) or "(?!)",
        conda:
            "../envs/numpy.yaml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=10,
        params:
            spec=lambda wildcards: PLAN.figure_spec(wildcards.experiment).canonical(),
            code=fingerprint("essential_sparsity.figures.drawing_stage", kind.drawing),
            kind=kind.package,
            tables=lambda wildcards, input: list(dict.fromkeys(map(os.path.dirname, input))),
            stem=subpath(output[0], strip_suffix=".png"),
        message:
            "Figure {wildcards.experiment}"
        shell:
            "python -m essential_sparsity.figures.drawing_stage {params.kind}"
            " --spec {params.spec:q} --tables {params.tables:q} --output {params.stem:q} 2>&1 | tee {log:q}"


for experiment in STUDY.experiments:

    rule:
        name:
            f"figure_{experiment.name}".replace("-", "_").replace(".", "_")
        input:
            PLAN.figures(experiment.name),
        message:
            "One figure of the study"


localrules:
    figures,


rule figures:
    input:
        PLAN.all_figures,
    message:
        "All figures of the study"
