"""A real Slurm of one node for one test: three daemons in the foreground, in their own folder.

As root, and without systemd, accounting or control groups. Its two GPUs exist for Slurm alone: it
counts them, and tells jobs which they have.
"""

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scancel", "squeue", "scontrol")
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
_PLUGIN = "snakemake_executor_plugin_slurm"

_CONFIGURATION = """
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# Without control groups, memory is watched every two seconds.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
MpiDefault=none
MinJobAge=3600
KillWait=2
ReturnToService=2
# The node has what this file says, whatever the machine has.
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=6 RealMemory=24000 Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Return why no Slurm can be started here, None if one can."""
    absent = [name for name in _PROGRAMS if shutil.which(name, path=_PATH) is None]
    if absent:
        return f"no {', '.join(absent)} here: apt-get install slurm-wlm munge"
    if importlib.util.find_spec(_PLUGIN) is None:
        return "Snakemake's plugin for Slurm is not installed: make cluster"
    if os.getuid() != 0:
        return "Slurm's daemons are started as root"
    return None


@dataclass(frozen=True)
class Job:
    """A submission, as `squeue` tells of it; memory in MB, time in minutes.

    `comment` is the rule, and the wildcards.
    """

    id: str
    state: str
    cores: int
    memory: str
    time: str
    comment: str


class OneNode:
    """A Slurm that runs."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; `environment` is what a user of this Slurm needs."""
        self._folder = folder
        tools = folder / "tools"
        self.environment = {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": os.pathsep.join([str(tools), _PATH]),
        }
        # Within a job the plugin hides SLURM_CONF from srun, which then looks into /etc.
        tools.mkdir(parents=True)
        script = tools / "srun"
        program = shutil.which("srun", path=_PATH)
        script.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {program} "$@"\n')
        script.chmod(0o755)

    def jobs(self) -> list[Job]:
        """Return every job there has been, in the order of submission."""
        lines = self.call("squeue", "--states=all", "--noheader", "--format=%i|%T|%C|%m|%l|%k")
        rows = (line.split("|") for line in lines.splitlines())
        jobs = [Job(i, state, int(cores), *more) for i, state, cores, *more in rows]
        return sorted(jobs, key=lambda job: int(job.id))

    def call(self, *command: str) -> str:
        """Run one of Slurm's commands; return what it printed."""
        return subprocess.run(
            command,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=60,
        ).stdout

    def update_node(self, **settings: str) -> None:
        """Change the node's state, as its administrator."""
        changes = [f"{key}={value}" for key, value in settings.items()]
        self.call("scontrol", "update", f"NodeName={_host()}", *changes)

    def start(self, *command: str) -> "subprocess.Popen[bytes]":
        with (self._folder / f"{command[0]}.log").open("wb") as log:
            return subprocess.Popen(
                command,
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def end_jobs(self) -> None:
        """Cancel what is left, and wait until it is gone."""
        self.call("scancel", "--user=root")
        wait_for(lambda: not self.call("squeue", "--noheader"), 30, "jobs that do not end")


@contextlib.contextmanager
def one_node(folder: Path) -> Iterator[OneNode]:
    """Start a Slurm, yield it, and end it with every job."""
    slurm = OneNode(folder)
    for name in ("state", "spool", "munge"):
        (folder / name).mkdir(mode=0o700)
    key = folder / "munge" / "key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    controller_port, node_port = _free_ports()
    (folder / "slurm.conf").write_text(
        _CONFIGURATION.format(
            folder=folder, host=_host(), controller_port=controller_port, node_port=node_port
        )
    )
    # Two devices that are everywhere, and that no job opens as a GPU.
    devices = [f"NodeName={_host()} Name=gpu File={file}" for file in ("/dev/null", "/dev/zero")]
    (folder / "gres.conf").write_text("\n".join(devices) + "\n")
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        for command in (
            ("munged", "--foreground", "--force", f"--key-file={key}",
             f"--socket={folder}/munge.socket", f"--pid-file={folder}/munge/pid",
             f"--log-file={folder}/munge/log", f"--seed-file={folder}/munge/seed"),
            ("slurmctld", "-D", "-i", "-f", f"{folder}/slurm.conf"),
            ("slurmd", "-D", "-f", f"{folder}/slurm.conf"),
        ):  # fmt: skip
            daemons.append(slurm.start(*command))
            if command[0] == "munged":
                wait_for((folder / "munge.socket").exists, 30, "munged")
        wait_for(lambda: "idle" in _quietly(slurm, "sinfo", "--noheader"), 60, "an idle node")
        yield slurm
    finally:
        if len(daemons) == 3:
            with contextlib.suppress(subprocess.SubprocessError, AssertionError):
                slurm.end_jobs()
        for daemon in reversed(daemons):
            daemon.terminate()
            try:
                daemon.wait(30)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until `condition` holds; fail after that many seconds, in the words of `what`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.2)


def _quietly(slurm: OneNode, *command: str) -> str:
    try:
        return slurm.call(*command)
    except subprocess.SubprocessError:
        return ""


def _host() -> str:
    return socket.gethostname().partition(".")[0]


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]
