"""The task of the workers' watchdog."""

from __future__ import annotations

from retrieval.jobs.policies import watch_task


@watch_task("canary")
def canary(**_: object) -> None:
    """Do nothing: only its arrival matters."""
