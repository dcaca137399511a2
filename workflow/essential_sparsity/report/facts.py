"""What was run, as tables: experiments, models, tasks, recipes, versions, and the time it took."""

from typing import Any

from essential_sparsity.figures.kinds import FIGURE_KINDS
from essential_sparsity.metrics import METRICS
from essential_sparsity.report.spec import ExperimentRow, RecipeRow, ReportSpec
from essential_sparsity.report.table import NONE, UNKNOWN, Cell, Column, Table, count, duration
from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec

Document = dict[str, Any]

# What Python's own and this project's version are called.
_NAMES = {"python": "Python", "essential-sparsity": "essential-sparsity"}

_SHORT = 12


def experiments_table(spec: ReportSpec) -> Table:
    """Return a row an experiment."""
    columns = (
        *map(Column, ("Experiment", "Figure", "Models", "Tasks")),
        Column("Masks", "prose"),
        Column("Seeds"),
    )
    return Table("Experiments", columns, [_experiment(e, spec) for e in spec.experiments], False)


def _experiment(experiment: ExperimentRow, spec: ReportSpec) -> tuple[Cell, ...]:
    models = [spec.model_label(name) for name in experiment.models]
    controls = [f"control: {spec.model_label(name)}" for name in experiment.controls]
    tasks = ", ".join(spec.task_label(name) for name in experiment.tasks)
    return (
        Cell(experiment.name),
        Cell(FIGURE_KINDS[experiment.figure].title),
        Cell(", ".join(models), notes=tuple(controls)),
        Cell(tasks or "–"),
        Cell("searched among" if experiment.searched else "", notes=experiment.masks)
        if experiment.masks
        else NONE,
        _seeds(experiment, spec),
    )


def _seeds(experiment: ExperimentRow, spec: ReportSpec) -> Cell:
    if not experiment.seeds:
        return NONE
    others = (
        f"{spec.task_label(task)}: {_list(seeds)}" for task, seeds in experiment.seeds_of.items()
    )
    return Cell(_list(experiment.seeds), notes=tuple(others))


def _list(numbers: tuple[int, ...]) -> str:
    """Return numbers as text, a run of three or more as its ends."""
    if len(numbers) > 2 and list(numbers) == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]}–{numbers[-1]}"
    return ", ".join(map(str, numbers))


def models_table(spec: ReportSpec, found: Document) -> Table:
    """Return a row a model: where its bytes came from, and which bytes they are."""
    columns = (
        Column("Model"),
        Column("Source"),
        Column("Revision"),
        Column("SHA-256 of the weights"),
        Column("Parameters", "number"),
        Column("Prunable", "number"),
    )
    rows = [_model(name, spec, found.get(name)) for name in spec.models]
    return Table("Models", columns, rows, False)


def _model(name: str, spec: ReportSpec, found: Document | None) -> tuple[Cell, ...]:
    label = Cell(spec.model_label(name), notes=(name,))
    if not found:
        return (label, *([Cell(UNKNOWN)] * 3), NONE, NONE)
    source, revision = _source(found.get("source") or {})
    weights = tuple(
        f"{file}: {digest}"
        for file, digest in (found.get("files") or {}).items()
        if file.endswith((".safetensors", ".bin"))
    )
    return (
        label,
        Cell(source),
        Cell(revision, mark="code"),
        Cell("", notes=weights or (UNKNOWN,), mark="code"),
        count(found.get("parameters")),
        count(found.get("prunable")),
    )


def _source(source: Document) -> tuple[str, str]:
    """Return where a checkpoint came from, and at which revision."""
    match source.get("kind"):
        case "hub":
            revision = source.get("commit") or source.get("revision")
            return str(source.get("repository", UNKNOWN)), str(revision or UNKNOWN)
        case "package":
            return f"Python package {source.get('requirement', UNKNOWN)}", "–"
        case "random":
            return f"random start of {source.get('of')}, seed {source.get('seed', 0)}", "–"
        case "folder":
            return f"folder {source.get('path', UNKNOWN)}", "–"
    return UNKNOWN, UNKNOWN


def tasks_table(spec: ReportSpec, found: Document) -> Table:
    """Return a row a task and preprocessor: its data and how many examples."""
    columns = (
        Column("Task"),
        Column("Data"),
        Column("Identity"),
        Column("Made ready by"),
        Column("Training", "number"),
        Column("Evaluation", "number"),
    )
    rows = [_task(path, spec, document or {}) for path, document in found.items()]
    return Table("Task data", columns, rows, False)


def _task(path: str, spec: ReportSpec, found: Document) -> tuple[Cell, ...]:
    _, name, preprocessor = path.split("/")
    splits = found.get("splits") or {}
    corpus = found.get("corpus") or {}
    identity = corpus.get("commit") or corpus.get("revision") or corpus.get("sha256")
    return (
        Cell(spec.task_label(name), notes=(str(found["kind"]),) if found.get("kind") else ()),
        Cell(_data(found.get("data") or {})),
        Cell(str(identity or UNKNOWN)[:40], mark="code"),
        Cell(preprocessor),
        *(count((splits.get(split) or {}).get("examples")) for split in ("train", "evaluation")),
    )


def _data(data: Document) -> str:
    match data.get("kind"):
        case "hub":
            return " / ".join(str(data[key]) for key in ("repository", "config") if data.get(key))
        case "python-docs":
            return f"Python’s own documentation, view “{data.get('view')}”"
        case "files":
            return "local files"
        case None:
            return UNKNOWN
    return str(data["kind"])


def recipes_table(spec: ReportSpec) -> Table:
    """Return a row a task's recipe."""
    columns = (
        Column("Task"),
        Column("Recipe"),
        Column("Metric"),
        Column("Epochs", "number"),
        Column("Batch", "number"),
        Column("Learning rate", "number"),
        Column("Else"),
    )
    return Table("Recipes", columns, [_recipe(row, spec) for row in spec.recipes], False)


def _recipe(row: RecipeRow, spec: ReportSpec) -> tuple[Cell, ...]:
    own = ("epochs", "batch_size", "learning_rate")
    others = (
        f"{key.replace('_', ' ')}: {_say(row.settings[key])}"
        for key in RecipeSpec.model_fields
        if key in row.settings and key not in own
    )
    metric = METRICS[row.metric].title if row.metric in METRICS else row.metric
    return (
        Cell(spec.task_label(row.task)),
        Cell(row.recipe),
        Cell(metric),
        *(Cell(f"{row.settings.get(key, UNKNOWN)}") for key in own),
        Cell("", notes=tuple(others)),
    )


def _say(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def stages_table(stages: list[Document]) -> Table:
    """Return a row a stage and their sum: jobs, wall, CPU and GPU time, memory."""
    columns = (
        Column("Stage"),
        Column("Jobs", "number"),
        Column("Wall time", "number"),
        Column("CPU time", "number"),
        Column("GPU time", "number"),
        Column("Peak memory", "number"),
    )
    rows = [_stage(stage) for stage in stages]
    if stages:
        rows.append(_stage(_total(stages), mark="total"))
    notes = [
        "Sums over jobs, each by its last execution; jobs may have run side by side, and other "
        "studies may share them. GPU time is how long trainings held a GPU."
    ]
    if unmeasured := sum(stage["jobs"] - stage["measured"] for stage in stages):
        notes.append(f"Of {unmeasured} jobs no time is known: they are not in the sums.")
    return Table("Time by stage", columns, rows, False, tuple(notes))


def _total(stages: list[Document]) -> Document:
    def total(key: str) -> float | None:
        known = [stage[key] for stage in stages if stage.get(key) is not None]
        return sum(known) if known else None

    memory = max((s["memory_mib"] for s in stages if s.get("memory_mib")), default=None)
    sums = {key: total(key) for key in ("jobs", "seconds", "cpu_seconds", "gpu_seconds")}
    return {"stage": "together", **sums, "memory_mib": memory}


def _stage(stage: Document, mark: str = "") -> tuple[Cell, ...]:
    memory = stage.get("memory_mib")
    return (
        Cell(stage["stage"].capitalize(), mark=mark),
        count(stage["jobs"]),
        *(duration(stage.get(key)) for key in ("seconds", "cpu_seconds", "gpu_seconds")),
        NONE if memory is None else Cell(f"{memory / 1024:.2f} GiB", key=memory),
    )


def list_facts(provenance: Document) -> list[tuple[str, str]]:
    """Return name → value, in words, of the code, the machine and the versions."""
    code, machine = provenance.get("code") or {}, provenance.get("machine") or {}
    versions: dict[str, list[str]] = dict(provenance.get("versions") or {})
    states = {True: "clean", False: "with uncommitted changes of code", None: UNKNOWN}
    state = states[code.get("clean")]
    commit = code.get("commit")
    memory = machine.get("memory_gib")
    runs = provenance.get("runs") or {}
    return [
        ("Code", f"commit {commit}, {state}" if commit else f"commit {UNKNOWN}"),
        ("Runs", _runs(runs)),
        ("Trained on", _devices(provenance.get("devices") or [], runs.get("count", 0))),
        ("Machine", _machine(machine, memory)),
        (
            "Versions",
            ", ".join(f"{_NAMES.get(n, n)} {' and '.join(v)}" for n, v in versions.items())
            or UNKNOWN,
        ),
    ]


def _machine(machine: Document, memory: float | None) -> str:
    if not machine:
        return UNKNOWN
    parts = [
        machine.get("cpu") or f"CPU {UNKNOWN}",
        f"{machine.get('cores', UNKNOWN)} cores at hand",
        f"{memory:g} GiB of memory" if memory else f"memory {UNKNOWN}",
        ", ".join(machine.get("gpus") or []) or "no GPU",
        machine.get("system") or "",
    ]
    return "; ".join(filter(None, parts))


def _runs(runs: Document) -> str:
    if not runs:
        return UNKNOWN
    days = list(dict.fromkeys(day for day in (runs.get("first"), runs.get("last")) if day))
    when = f", {' to '.join(days)}" if days else ""
    return f"{runs['count']}{when}"


def _devices(devices: list[Document], runs: int) -> str:
    shown = []
    for row in devices:
        device = row.get("device") or UNKNOWN
        several = f"{row['devices']} × " if (row.get("devices") or 1) > 1 else ""
        name = "CPU" if device == "cpu" else device
        shown.append(
            f"{several}{name}, {row.get('precision') or UNKNOWN} ({row['trainings']} trainings)"
        )
    if sum(row["trainings"] for row in devices) > runs:
        shown.append("more trainings than runs, as tickets are found by training")
    return "; ".join(shown) or UNKNOWN
