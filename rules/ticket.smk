# Masks that training finds: each is a job of its own, so that a chain that dies goes on where it was,
# and a longer one extends a shorter one.
TICKET = RULES.of(stages.masks.TICKET)
REWIND = RULES.of(stages.runs.REWIND)


ruleorder: ticket > mask


rule ticket:
    input:
        checkpoint=TICKET.inputs.checkpoint,
        task=TICKET.inputs.task,
        mask=ancient(TICKET.inputs.mask),
        manifest=TICKET.inputs.manifest,
        start=TICKET.inputs.start,
    output:
        **TICKET.output,
    log:
        TICKET.log,
    benchmark:
        TICKET.benchmark
    wildcard_constraints:
        mask=one_of(name for name, mask in STUDY.masks.items() if isinstance(mask, Trained)),
    conda:
        TICKET.conda
    resources:
        **TICKET.resources,
    params:
        **TICKET.params,
    message:
        TICKET.message
    shell:
        "python -m essential_sparsity.tickets --spec {params.spec:q}"
        " --checkpoint {params.checkpoint:q} --task {params.task:q} --mask {input.mask:q}"
        f" {ON_GPUS}"
        " {params.start:q} --score {params.score} --threads {threads} --output {output.mask:q} --record {params.record:q}"
        " 2>&1 | tee {log:q}"


# The weights after a few steps of training, where tickets are rewound to those.
rule rewind:
    input:
        checkpoint=REWIND.inputs.checkpoint,
        task=REWIND.inputs.task,
        mask=ancient(REWIND.inputs.mask),
    output:
        **REWIND.output,
    log:
        REWIND.log,
    benchmark:
        REWIND.benchmark
    wildcard_constraints:
        step=r"\d+",
    conda:
        REWIND.conda
    resources:
        **REWIND.resources,
    params:
        **REWIND.params,
    message:
        REWIND.message
    shell:
        "python -m essential_sparsity.tickets.rewind --spec {params.spec:q}"
        " --steps {wildcards.step} --checkpoint {params.checkpoint:q} --task {params.task:q}"
        f" --mask {{input.mask:q}} {ON_GPUS}"
        " --output {output:q} 2>&1 | tee {log:q}"
