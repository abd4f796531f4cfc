"""What workers do for themselves."""

from __future__ import annotations

from retrieval.jobs.policies import watch_task


@watch_task("canary")
def canary(**_: object) -> None:
    """Do nothing: that it arrives is what counts."""
