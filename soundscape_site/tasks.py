"""What workers do for themselves."""

from __future__ import annotations

from soundscape_site.task_policies import watch_task


@watch_task("canary")
def canary(**_: object) -> None:
    """Do nothing: that it arrives is what counts."""
