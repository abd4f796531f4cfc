"""`python -m benchmarks.labelling_report`: time and queries of a report over 100 000 grades.

Of its page, too, with a frozen report to compare with.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.processes import manage, start_manage
from benchmarks.report import heading, machine

_MEASURE: Final = "from benchmarks.labelling_grades import run; run()"


def main() -> None:
    """Measure in a temporary var directory."""
    heading("Machine")
    machine()
    with TemporaryDirectory(prefix="soundscape-bench-") as folder:
        var = Path(folder)
        manage(var, "migrate", "-v0")
        manage(var, "collectstatic", "-v0", "--noinput")  # the page names its style sheets
        measuring = start_manage(var, "shell", "-v0", "-c", _MEASURE)
        for line in measuring.stdout or ():
            print(line, end="", flush=True)
        if measuring.wait():
            raise SystemExit("the report could not be measured")


if __name__ == "__main__":
    main()
