"""`python -m benchmarks.labelling`: times of the queue and of the draw, and a reviewer's pace."""

from __future__ import annotations

import json
import os
import time
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.chaos.reviewers import PASSWORD
from benchmarks.chaos.visitors import Browser
from benchmarks.processes import free_port, manage, start_manage
from benchmarks.report import figure, heading, machine, spread
from benchmarks.site import serving

_MEASURE: Final = "from benchmarks.labelling_queue import run; run()"
_FILL: Final = (
    "from pathlib import Path; from benchmarks.labelling_rows import fill_site, make_files; "
    "make_files(Path({media!r})); "
    "print(fill_site(name='pace', pairs={pairs}, reviewers=1, overlap='1'))"
)
_PAIRS: Final = 200
_GRADED: Final = 120


def main() -> None:
    """Measure in a temporary var directory."""
    heading("Machine")
    machine()
    os.environ["SOUNDSCAPE_MINIMUM_LISTEN_S"] = "0"
    with TemporaryDirectory(prefix="soundscape-bench-") as folder:
        var = Path(folder)
        manage(var, "migrate", "-v0")
        measuring = start_manage(var, "shell", "-v0", "-c", _MEASURE)
        for line in measuring.stdout or ():
            print(line, end="", flush=True)
        if measuring.wait():
            raise SystemExit("the queue could not be measured")
        _pace(var)


def _pace(var: Path) -> None:
    """Let a script grade as fast as the site serves pairs with photos and sounds."""
    heading("A reviewer without a pause, by HTTP")
    manage(var, "fetch_models")  # the site does not start without
    media = var / "media"
    media.mkdir(exist_ok=True)
    filled = manage(var, "shell", "-v0", "-c", _FILL.format(media=str(media), pairs=_PAIRS))
    port = free_port()
    with serving(var, port):
        browser = Browser(f"http://127.0.0.1:{port}")
        browser.post("/accounts/login/", login="pace0", password=PASSWORD)
        times_s = _grades_s(browser, f"/review/{filled.output.split()[-1]}/next/")
    spread("a pair: next, photo, sound, grade", times_s)
    figure("pace", 60 * len(times_s) / sum(times_s), "pairs/min", note="at least 60")


def _grades_s(browser: Browser, address: str) -> list[float]:
    times_s = []
    for _ in range(_GRADED):
        began = time.perf_counter()
        offered = browser.post_json(address, {"wanted": 3})
        token = json.loads(offered.body)["pairs"][0]["token"]
        content = {
            "id": str(uuid.uuid4()), "token": token, "kind": "grade", "grade": "decent",
            "faults": ["place"], "listened_s": 0.0, "heard_to_end": False, "took_s": 0.1,
        }  # fmt: skip
        answers = [
            browser.request("GET", f"/review/leases/{token}/photo"),
            browser.request("GET", f"/review/leases/{token}/sound"),
            browser.post_json("/review/answers/", content),
        ]
        if {answer.status for answer in answers} != {200}:
            raise SystemExit(f"a reviewer got {[answer.status for answer in answers]}")
        times_s.append(time.perf_counter() - began)
    return times_s


if __name__ == "__main__":
    main()
