# What the study comes to: its summary, what it was made from and what it took, and its report.
SUMMARY = RULES.of(stages.study.SUMMARY)
PROVENANCE = RULES.of(stages.study.PROVENANCE)
REPORT = RULES.of(stages.study.REPORT)
PAGE = ROOT / "workflow/essential_sparsity/report"
# What of the report is not code: the page's layout, and the captions.
PAGE_DIGESTS = [
    sha256_of(file)
    for file in (*sorted(PAGE.glob("page/*")), *(k.caption for k in FIGURE_KINDS.values()))
]


rule summary:
    input:
        tables=SUMMARY.inputs.tables,
        claims=SUMMARY.inputs.claims,
    output:
        **SUMMARY.output,
    log:
        SUMMARY.log,
    benchmark:
        SUMMARY.benchmark
    conda:
        SUMMARY.conda
    resources:
        **SUMMARY.resources,
    params:
        **SUMMARY.params,
    message:
        SUMMARY.message
    shell:
        "python -m essential_sparsity.report.summary --tables {params.tables:q}"
        " --claims {input.claims:q}"
        " --figures {params.figures:q} --root {params.root:q} --output {output:q} 2>&1 | tee {log:q}"


if not FIGURES_ONLY:

    rule provenance:
        input:
            figures=PROVENANCE.inputs.figures,
            summary=PROVENANCE.inputs.summary,
            tidy=PROVENANCE.inputs.tidy,
        output:
            **PROVENANCE.output,
        log:
            PROVENANCE.log,
        benchmark:
            PROVENANCE.benchmark
        conda:
            PROVENANCE.conda
        resources:
            **PROVENANCE.resources,
        params:
            **PROVENANCE.params,
        message:
            PROVENANCE.message
        shell:
            "python -m essential_sparsity.report.provenance --spec {params.spec:q}"
            " --output {output:q} 2>&1 | tee {log:q}"


rule report:
    input:
        figures=REPORT.inputs.figures,
        tables=REPORT.inputs.tables,
        claims=REPORT.inputs.claims,
        provenance=lambda wildcards: if_kept(REPORT.inputs.provenance(wildcards)),
    output:
        **reported(REPORT, "report", PAGE / "caption.rst", "Report", "report", of_study=True),
    log:
        REPORT.log,
    benchmark:
        REPORT.benchmark
    conda:
        REPORT.conda
    resources:
        **REPORT.resources,
    params:
        **REPORT.params,
        page=PAGE_DIGESTS,
        provenance=lambda wildcards, input: [f"--provenance={f}" for f in input.provenance],
    message:
        REPORT.message
    shell:
        "python -m essential_sparsity.report --spec {params.spec:q} --study {params.folder:q}"
        " --claims {input.claims:q} {params.provenance:q}"
        " --output {output:q} 2>&1 | tee {log:q}"
