"""A logger for Snakemake's dry runs that tells what each submission would ask for, and no more.

`snakemake -n --logger submissions` prints a line of JSON for each job, or group of jobs that is one
submission: `rule`, `jobs`, `cores`, and `mem_mb`, `runtime` in minutes and `gpu` where it asks for
them. What goes wrong is printed as ever, on the standard error stream.
"""

import json
import sys
from collections.abc import Mapping
from logging import ERROR, LogRecord
from typing import Any

from snakemake.resources import GroupResources
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

_ASKED = ("mem_mb", "runtime", "gpu")


class LogHandler(LogHandlerBase):
    """Prints submissions, in the order in which Snakemake would make them."""

    def emit(self, record: LogRecord) -> None:
        """Print a job or a group; drop what else there is, but for errors."""
        event: LogEvent | None = getattr(record, "event", None)
        said: dict[str, Any] = vars(record)
        if event == LogEvent.GROUP_INFO:
            jobs = list(said["jobs"])
            _tell(jobs[0].rule.name, len(jobs), _of_group(jobs))
        elif event == LogEvent.JOB_INFO:
            # The jobs of a group are indented below it; a job without output is a mere target.
            if not said["indent"] and said["output"]:
                _tell(said["rule_name"], 1, dict(said["resources"].items()))
        elif record.levelno >= ERROR:
            print(record.getMessage(), file=sys.stderr)

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False


def _of_group(jobs: list[Any]) -> dict[str, Any]:
    """Return what a group asks for, by Snakemake's own reckoning for jobs that go elsewhere."""
    dag = jobs[0].dag
    levels = list(dag.toposorted(jobs, inherit_pipe_dependencies=True))
    return dict(
        GroupResources.basic_layered(levels, dag.workflow.global_resources, run_local=False)
    )


def _tell(rule: str, jobs: int, resources: Mapping[str, Any]) -> None:
    asked = {name: resources[name] for name in _ASKED if isinstance(resources.get(name), int)}
    print(json.dumps({"rule": rule, "jobs": jobs, "cores": resources["_cores"], **asked}))
