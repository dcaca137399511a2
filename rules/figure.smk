# Figures, from tables alone: one rule a kind of figure, and one target an experiment.
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
            [
                paths.TABLE.format(study="{study}", experiment="{experiment}", table=table)
                for table in kind.tables
            ],
        output:
            report(
                paths.FIGURE.format(study="{study}", experiment="{experiment}", format="png"),
                caption=ROOT / f"workflow/report/{kind.name}.rst",
                category="Figures",
                labels={"experiment": "{experiment}", "kind": kind.name},
            ),
            paths.FIGURE.format(study="{study}", experiment="{experiment}", format="pdf"),
            paths.FIGURE.format(study="{study}", experiment="{experiment}", format="parquet"),
        log:
            f"logs/studies/{{study}}/figures/{{experiment}}.{kind.name}.log",
        benchmark:
            f"benchmarks/studies/{{study}}/figures/{{experiment}}.{kind.name}.tsv"
        wildcard_constraints:
            experiment="|".join(e.name for e in PLAN.experiments_of(kind)) or "(?!)",
        conda:
            "../envs/numpy.yaml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=10,
        params:
            spec=lambda wildcards: PLAN.figure_spec(
                PLAN.experiment(wildcards.experiment)
            ).canonical(),
            code=fingerprint(kind.drawing),
            module=kind.drawing,
            tables=subpath(input[0], parent=True),
            stem=subpath(output[0], strip_suffix=".png"),
        message:
            "Figure {wildcards.experiment}"
        shell:
            "python -m {params.module} --spec {params.spec:q} --tables {params.tables:q}"
            " --output {params.stem:q} 2>&1 | tee {log:q}"


# The essential sparsities of all experiments side by side.
if PLAN.essential_figure():

    rule essential:
        input:
            list(PLAN.tables_called("essential").values()),
        output:
            report(
                PLAN.essential_figure()[0],
                caption=ROOT / "workflow/report/essential.rst",
                category="Figures",
                labels={"experiment": "all", "kind": "essential"},
            ),
            PLAN.essential_figure()[1:],
        log:
            f"logs/studies/{STUDY.study}/figures/essential.log",
        benchmark:
            f"benchmarks/studies/{STUDY.study}/figures/essential.tsv"
        conda:
            "../envs/numpy.yaml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=10,
        params:
            spec=PLAN.figure_spec().canonical(),
            code=fingerprint("essential_sparsity.figures.essential"),
            tables=[os.path.dirname(table) for table in PLAN.tables_called("essential").values()],
            stem=subpath(output[0], strip_suffix=".png"),
        message:
            "Figure of all essential sparsities"
        shell:
            "python -m essential_sparsity.figures.essential --spec {params.spec:q}"
            " --tables {params.tables:q} --output {params.stem:q} 2>&1 | tee {log:q}"


for experiment in STUDY.experiments:

    rule:
        name:
            f"figure_{experiment.name}".replace("-", "_").replace(".", "_")
        input:
            PLAN.figures(experiment),
        message:
            "One figure of the study"


localrules:
    figures,


rule figures:
    input:
        PLAN.all_figures,
    message:
        "All figures of the study"
