"""The CPU time of a job, as Snakemake's benchmark has it."""

import subprocess
import sys

import pytest
import snakemake.benchmark

from essential_sparsity.support.pipeline import sample_often
from project import ROOT

pytestmark = pytest.mark.slow

_BUSY = "import time\nwhile time.process_time() < 4: pass"


def test_the_cpu_time_of_a_job_is_all_of_it_but_the_last_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(snakemake.benchmark, "BenchmarkTimer", snakemake.benchmark.BenchmarkTimer)
    # The quick looks at a job's beginning, which last 15 seconds, are over at once.
    monkeypatch.setattr(snakemake.benchmark, "BENCHMARK_INTERVAL_SHORT", 0.001)
    sample_often()
    with (
        subprocess.Popen([sys.executable, "-c", _BUSY]) as job,
        snakemake.benchmark.benchmarked(job.pid) as record,
    ):
        job.wait()
    # Beside other work, a second of the clock is less than one of CPU time.
    assert 2.8 < record.cpu_time <= 4.2


def test_jobs_of_the_workflow_are_sampled_so() -> None:
    assert "\nsample_often()\n" in (ROOT / "rules/common.smk").read_text(encoding="utf-8")
