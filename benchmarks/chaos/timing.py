"""How long the site takes to answer while something is wrong."""

from __future__ import annotations

import time
from statistics import median
from typing import Final

from benchmarks.chaos.invariants import ANSWERS
from benchmarks.chaos.trial import Trial
from benchmarks.chaos.visitors import Browser

_TIMES: Final = 20


def expect_quick(
    trial: Trial, path: str, *, during: str, within_s: float, status: int = 200
) -> None:
    """Ask for a page repeatedly: status and median time must be as expected. Print the times."""
    took_s, statuses = [], set()
    for _ in trial.repeats(_TIMES):
        began = time.monotonic()
        statuses.add(Browser(trial.rig.url).request("GET", path).status)
        took_s.append(time.monotonic() - began)
    middle_s = median(took_s)
    text = f"{path} during {during}: {sorted(statuses)}, median {middle_s:.2f} s"
    trial.expect(statuses == {status} and middle_s < within_s, ANSWERS, text)
    print(f"    {text}, at most {max(took_s):.2f} s", flush=True)
