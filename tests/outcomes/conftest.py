"""Runs as the stage before leaves them."""

from finished_runs import write_run

__all__ = ["write_run"]
