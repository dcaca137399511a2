"""A stage as the rules of one study see it: its directives, with the study filled in."""

import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from essential_sparsity.checkpoints.inventory import choose
from essential_sparsity.estimate import cost
from essential_sparsity.estimate.sizes import Sizes
from essential_sparsity.stages import paths
from essential_sparsity.stages.stage import Place, Stage, no_files
from essential_sparsity.study.resolve import Resolved
from essential_sparsity.support.digests import Digests
from essential_sparsity.support.errors import machine_failure
from essential_sparsity.support.files import write_text
from essential_sparsity.support.fingerprint import fingerprint
from essential_sparsity.support.gpus import visible_gpus

# A function of a job's wildcards, and perhaps of its input or output, as Snakemake calls it.
Asked = Callable[..., Any]


def listed(files: Iterable[str]) -> str:
    """Return a file that lists `files`, a line each: a command line does not hold thousands."""
    text = "".join(f"{file}\n" for file in files)
    path = Path(".snakemake/inputs") / hashlib.sha256(text.encode()).hexdigest()[:16]
    if not path.exists():
        try:
            write_text(path, text)
        except OSError as error:
            # One line, where Snakemake would frame it as a fault of this workflow.
            sys.exit(f"error: {machine_failure(error) or error}")
    return str(path)


class Rules:
    """What the rules of a study share."""

    def __init__(self, study: Resolved, gpu_slots: int) -> None:
        """Take the study, and how many jobs may share a GPU of this machine."""
        self.study = study
        self._sizes = Sizes(study)
        self._digests = Digests(study.results / ".snakemake/digests.json")
        self._gpu_slots = gpu_slots

    def of(self, stage: Stage) -> "Rule":
        """Return a stage's directives."""
        return Rule(stage, self.study, self._resources(stage), self._digests)

    def _resources(self, stage: Stage) -> dict[str, Any]:
        asked = stage.resources

        def memory(wildcards: Any, attempt: int) -> int:
            if isinstance(asked.memory, int):
                return attempt * asked.memory
            return attempt * cost.memory(self._sizes, wildcards.model, asked.memory)

        own: dict[str, Any] = {
            "mem_mb": memory,
            "runtime": lambda wildcards, attempt: attempt * asked.minutes,
        }
        if not asked.gpu:
            return own
        return own | {
            # A profile may ask for more, which then share a batch (set-resources: run:gpu=2).
            "gpu": lambda wildcards: min(1, len(visible_gpus())),
            # How many of its GPU's slots it takes (--config gpu_slots=N): a large model needs more.
            "gpu_slots": 1,
            "slots_per_gpu": self._gpu_slots,
            # Examples that a device takes at once: a matter of its memory, not of science. 0: the
            # recipe's batch.
            "per_device_batch": 0,
        }


class Rule:
    """A stage's directives.

    Attributes:
        inputs: role → function of the wildcards; `missed` are files from outside the results folder
            that were never seen.
        output: role → path, with the study's name filled in.
        log: the path of the log.
        benchmark: the path of what Snakemake measures.
        conda: the environment, relative to the rules.
        resources: as Snakemake takes them.
        params: what decides whether a finished job runs again: the spec, the key of the code, and
            what files from outside the results folder hold. The times of such files do not. Besides
            what its program is told: the folders of its output, checkpoint and task, among others.
        message: what Snakemake says when a job starts.
    """

    def __init__(
        self, stage: Stage, study: Resolved, resources: Mapping[str, Any], digests: Digests
    ) -> None:
        """Take what `Rules` knows."""
        name = study.study.study

        def bound(function: Callable[[Resolved, Place], Any]) -> Asked:
            return lambda wildcards: function(study, dict(wildcards.items()))

        self.inputs = SimpleNamespace(**{role: bound(f) for role, f in stage.inputs.items()})
        self.inputs.missed = bound(lambda s, place: digests.never_seen(stage.files(s, place)))
        self.output = {
            role: pattern.replace("{study}", name) for role, pattern in stage.outputs.items()
        }
        record = stage.record.replace("{study}", name)
        self.log = paths.LOG.format(record=record)
        self.benchmark = paths.BENCHMARK.format(record=record)
        self.conda = f"../envs/{stage.environment}.yaml"
        self.resources = resources
        self.message = stage.message
        self.params: dict[str, Asked] = {
            "code": bound(lambda s, place: fingerprint(*stage.code(s, place))),
        }
        if stage.files is not no_files:
            self.params["contents"] = bound(
                lambda s, place: digests.of(stage.files(s, place), choose)
            )
        if stage.ordered:
            self.params["order"] = bound(
                lambda s, place: [asked(s, place) for asked in stage.inputs.values()]
            )
        if (spec := stage.spec) is not None:
            self.params["spec"] = bound(lambda s, place: spec(s, place).canonical())
        self.params["folder"] = _folder_of_output
        for role in stage.inputs.keys() & {"checkpoint", "task"}:
            self.params[role] = partial(_folder_of_input, role)
        for key, told in stage.told.items():
            self.params[key] = partial(_told, bound(told))


# Snakemake does not compare what depends on more than the wildcards.


def _folder_of_output(wildcards: Any, output: Any) -> str:
    return os.path.dirname(str(output[0]))


def _folder_of_input(role: str, wildcards: Any, input: Any) -> str:
    return os.path.dirname(str(input[role]))


def _told(asked: Asked, wildcards: Any, input: Any) -> Any:
    return asked(wildcards)
