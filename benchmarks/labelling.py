"""`python -m benchmarks.labelling`: times of the queue and of the draw, and a reviewer's pace."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.processes import manage, start_manage
from benchmarks.report import heading, machine

_MEASURE: Final = "from benchmarks.labelling_queue import run; run()"


def main() -> None:
    """Measure in a temporary var directory."""
    heading("Machine")
    machine()
    os.environ["SOUNDSCAPE_MINIMUM_LISTEN_S"] = "0"
    with tempfile.TemporaryDirectory(prefix="soundscape-bench-") as folder:
        var = Path(folder)
        manage(var, "migrate", "-v0")
        measuring = start_manage(var, "shell", "-v0", "-c", _MEASURE)
        for line in measuring.stdout or ():
            print(line, end="", flush=True)
        if measuring.wait():
            sys.exit(1)


if __name__ == "__main__":
    main()
