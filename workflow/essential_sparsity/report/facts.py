"""Tables of what was run: experiments, models, tasks, recipes, versions and times."""

from collections.abc import Callable
from typing import Any

from essential_sparsity.figures.kinds import FIGURE_KINDS
from essential_sparsity.metrics import METRICS
from essential_sparsity.report.spec import ExperimentRow, RecipeRow, ReportSpec
from essential_sparsity.report.table import NONE, UNKNOWN, Cell, Column, Table, count, duration
from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec
from essential_sparsity.stages import paths

Document = dict[str, Any]

# A task, whose preprocessor made its data ready, and their manifest.
_Prepared = tuple[str, str, Document]


def experiments_table(spec: ReportSpec) -> Table:
    """Return a row an experiment."""

    def models(row: ExperimentRow) -> Cell:
        controls = (f"control: {spec.model_label(name)}" for name in row.controls)
        return Cell(", ".join(map(spec.model_label, row.models)), notes=tuple(controls))

    def masks(row: ExperimentRow) -> Cell:
        return Cell("searched among" if row.searched else "", notes=row.masks)

    def seeds(row: ExperimentRow) -> Cell:
        others = (f"{spec.task_label(t)}: {_list(found)}" for t, found in row.seeds_of.items())
        return Cell(_list(row.seeds), notes=tuple(others))

    columns = (
        Column("Experiment", lambda row: row.name),
        Column("Figure", lambda row: FIGURE_KINDS[row.figure].title),
        Column("Models", models),
        Column("Tasks", lambda row: ", ".join(map(spec.task_label, row.tasks)) or NONE),
        Column("Masks", lambda row: masks(row) if row.masks else NONE, "prose"),
        Column("Seeds", lambda row: seeds(row) if row.seeds else NONE),
    )
    return Table.of("Experiments", columns, spec.experiments, sortable=False)


def _list(numbers: tuple[int, ...]) -> str:
    """Return numbers as text, a run of three or more as its ends."""
    if len(numbers) > 2 and list(numbers) == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]}–{numbers[-1]}"
    return ", ".join(map(str, numbers))


def models_table(spec: ReportSpec, found: Document) -> Table:
    """Return a row a model: where its bytes came from, and which bytes they are."""
    rows = [(name, found.get(name) or {}) for name in spec.models]
    columns = (
        Column("Model", lambda row: Cell(spec.model_label(row[0]), notes=(row[0],))),
        Column("Source", lambda row: _source(row[1].get("source") or {})[0]),
        Column("Revision", lambda row: Cell(_source(row[1].get("source") or {})[1], mark="code")),
        Column("SHA-256 of the weights", lambda row: _digests(row[1])),
        Column("Parameters", lambda row: count(row[1].get("parameters")), "number"),
        Column("Prunable", lambda row: count(row[1].get("prunable")), "number"),
    )
    return Table.of("Models", columns, rows, sortable=False)


def _digests(model: Document) -> Cell:
    weights = tuple(
        f"{file}: {digest}"
        for file, digest in (model.get("files") or {}).items()
        if file.endswith((".safetensors", ".bin"))
    )
    return Cell("", notes=weights, mark="code") if weights else Cell(UNKNOWN)


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
    task_of = paths.matching(paths.TASK).fullmatch
    named = ((task_of(path), document or {}) for path, document in found.items())
    rows = [(*match.groups(), document) for match, document in named if match]

    def examples(row: _Prepared, split: str) -> Cell:
        return count(((row[2].get("splits") or {}).get(split) or {}).get("examples"))

    def task(row: _Prepared) -> Cell:
        return Cell(spec.task_label(row[0]), notes=tuple(filter(None, [row[2].get("kind")])))

    columns = (
        Column("Task", task),
        Column("Data", lambda row: _data(row[2].get("data") or {})),
        Column("Identity", lambda row: _identity(row[2].get("corpus") or {})),
        Column("Made ready by", lambda row: row[1]),
        Column("Training", lambda row: examples(row, "train"), "number"),
        Column("Evaluation", lambda row: examples(row, "evaluation"), "number"),
    )
    return Table.of("Task data", columns, rows, sortable=False)


def _identity(corpus: Document) -> Cell:
    identity = corpus.get("commit") or corpus.get("revision") or corpus.get("sha256")
    return Cell(str(identity or UNKNOWN)[:40], mark="code")


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
    own = {"epochs": "Epochs", "batch_size": "Batch", "learning_rate": "Learning rate"}

    def setting(key: str) -> Callable[[RecipeRow], str]:
        return lambda row: str(row.settings.get(key, UNKNOWN))

    def metric(row: RecipeRow) -> str:
        return METRICS[row.metric].title if row.metric in METRICS else row.metric

    def others(row: RecipeRow) -> Cell:
        every = dict.fromkeys((*RecipeSpec.model_fields, *row.settings))
        keys = (k for k in every if k in row.settings and k not in own)
        said = (f"{key.replace('_', ' ')}: {_say(row.settings[key])}" for key in keys)
        return Cell("", notes=tuple(said))

    columns = (
        Column("Task", lambda row: spec.task_label(row.task)),
        Column("Recipe", lambda row: row.recipe),
        Column("Metric", metric),
        *(Column(heading, setting(key), "number") for key, heading in own.items()),
        Column("Else", others),
    )
    return Table.of("Recipes", columns, spec.recipes, sortable=False)


def _say(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def stages_table(stages: list[Document]) -> Table:
    """Return a row a stage and their sum: jobs, wall, CPU and GPU time, memory."""

    def memory(row: Document) -> Cell:
        mebibytes = row.get("memory_mib")
        return NONE if mebibytes is None else Cell(f"{mebibytes / 1024:.2f} GiB", key=mebibytes)

    columns = (
        Column("Stage", lambda row: Cell(row["stage"].capitalize(), mark=row.get("mark", ""))),
        Column("Jobs", lambda row: count(row["jobs"]), "number"),
        Column("Wall time", lambda row: duration(row.get("seconds")), "number"),
        Column("CPU time", lambda row: duration(row.get("cpu_seconds")), "number"),
        Column("GPU time", lambda row: duration(row.get("gpu_seconds")), "number"),
        Column("Peak memory", memory, "number"),
    )
    notes = [
        "Sums over jobs, each by its last execution; jobs may have run side by side, and other "
        "studies may share them. GPU time is how long trainings held a GPU."
    ]
    if unmeasured := sum(stage["jobs"] - stage["measured"] for stage in stages):
        notes.append(f"Of {unmeasured} jobs no time is known: they are not in the sums.")
    rows = [*stages, _total(stages)] if stages else []
    return Table.of("Time by stage", columns, rows, notes, sortable=False)


def _total(stages: list[Document]) -> Document:
    def over(total: Callable[[list[float]], float], key: str) -> float | None:
        known = [stage[key] for stage in stages if stage.get(key) is not None]
        return total(known) if known else None

    sums = {key: over(sum, key) for key in ("jobs", "seconds", "cpu_seconds", "gpu_seconds")}
    return {"stage": "together", "mark": "total", **sums, "memory_mib": over(max, "memory_mib")}


def list_facts(provenance: Document) -> list[tuple[str, str]]:
    """Return name → value, in words, of the code, the machine and the versions."""
    code, runs = provenance.get("code") or {}, provenance.get("runs") or {}
    state = {True: "clean", False: "with uncommitted changes of code", None: UNKNOWN}
    commit = f"{code['commit']}, {state[code.get('clean')]}" if code.get("commit") else UNKNOWN
    extensions = ", ".join(f"{n} ({d[:8]}…)" for n, d in provenance.get("extensions", {}).items())
    versions = ", ".join(
        f"{'Python' if name == 'python' else name} {' and '.join(found)}"
        for name, found in (provenance.get("versions") or {}).items()
    )
    return [
        ("Code", f"commit {commit}"),
        *([("Extensions", extensions)] if extensions else []),
        ("Runs", _runs(runs)),
        ("Trained on", _devices(provenance.get("devices") or [], runs.get("count", 0))),
        ("Machine", _machine(provenance.get("machine") or {})),
        ("Versions", versions or UNKNOWN),
    ]


def _machine(machine: Document) -> str:
    if not machine:
        return UNKNOWN
    memory = machine.get("memory_gib")
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
    days = " to ".join(dict.fromkeys(filter(None, (runs.get("first"), runs.get("last")))))
    return f"{runs['count']}, {days}" if days else str(runs["count"])


def _devices(devices: list[Document], runs: int) -> str:
    shown = []
    for row in devices:
        device = row.get("device") or UNKNOWN
        several = f"{row['devices']} × " if (row.get("devices") or 1) > 1 else ""
        name = "CPU" if device == "cpu" else device
        precision = row.get("precision") or UNKNOWN
        shown.append(f"{several}{name}, {precision} ({row['trainings']} trainings)")
    if sum(row["trainings"] for row in devices) > runs:
        shown.append("more trainings than runs, as tickets are found by training")
    return "; ".join(shown) or UNKNOWN
