# What the study was made from and what it took, and the page that tells all of it.
from essential_sparsity.support.files import sha256_of
from essential_sparsity.report.planned import provenance_spec, report_spec

REPORT = paths.REPORT.format(study=STUDY.study)
PROVENANCE = paths.PROVENANCE.format(study=STUDY.study)
CAPTIONS = [kind.caption for kind in FIGURE_KINDS.values()]
PAGE = ROOT / "workflow/essential_sparsity/report"


if not FIGURES_ONLY:

    rule provenance:
        input:
            rules.figures.input,
            rules.summary.output,
            PLAN.tidy_tables()[:1],
        output:
            PROVENANCE,
        log:
            f"logs/studies/{STUDY.study}/provenance.log",
        benchmark:
            f"benchmarks/studies/{STUDY.study}/provenance.tsv"
        conda:
            "../envs/numpy.yaml"
        threads: 1
        resources:
            mem_mb=1000,
            runtime=30,
        params:
            spec=provenance_spec(PLAN).canonical(),
            code=fingerprint("essential_sparsity.report.provenance"),
        message:
            "What was run, on what, and how long it took"
        shell:
            "python -m essential_sparsity.report.provenance --spec {params.spec:q}"
            " --output {output:q} 2>&1 | tee {log:q}"


rule report:
    input:
        figures=rules.figures.input,
        tables=PLAN.all_tables,
        claims=CLAIMS,
        # Figures alone, nothing can tell any more what was run: it is taken if it is there.
        provenance=[p for p in [PROVENANCE] if not FIGURES_ONLY or os.path.exists(p)],
    output:
        report(
            REPORT,
            caption=PAGE / "caption.rst",
            category="Report",
            labels={"experiment": "all", "kind": "report"},
        ),
    log:
        f"logs/studies/{STUDY.study}/report.log",
    benchmark:
        f"benchmarks/studies/{STUDY.study}/report.tsv"
    conda:
        "../envs/numpy.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        spec=report_spec(PLAN, workflow.configfiles, ROOT).canonical(),
        code=fingerprint("essential_sparsity.report"),
        # What is not code: the page's layout, and the captions.
        page=[sha256_of(file) for file in (*sorted(PAGE.glob("page/*")), *CAPTIONS)],
        folder=subpath(output[0], parent=True),
        provenance=lambda wildcards, input: [f"--provenance={f}" for f in input.provenance],
    message:
        "Report of the study"
    shell:
        "python -m essential_sparsity.report --spec {params.spec:q} --study {params.folder:q}"
        " --claims {input.claims:q} {params.provenance:q} --output {output:q} 2>&1 | tee {log:q}"
