"""`python -m benchmarks.database_rankers ROWS.npy QUERIES.npy`: pgvector's and Milvus's rankers.

The rows are float32 [shape=(n, columns)], the queries float64 [shape=(m, columns)]; both are what
the matchers make of recordings and photos. Every answer is compared with NumPy's, in float64.
Milvus is Milvus Lite: its recall is that of the same kinds of index in a cluster's segments, its
times are not.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.processes import manage, start_manage
from benchmarks.report import heading, machine

_MEASURE: Final = (
    "from benchmarks.database_rankers_measured import run; run({rows!r}, {queries!r}, {folder!r})"
)


def main() -> None:
    """Measure in a temporary var directory."""
    rows, queries = (str(Path(path).absolute()) for path in sys.argv[1:3])
    heading("Machine")
    machine()
    with TemporaryDirectory(prefix="soundscape-bench-") as folder:
        var = Path(folder)
        manage(var, "migrate", "-v0")
        program = _MEASURE.format(rows=rows, queries=queries, folder=folder)
        measuring = start_manage(var, "shell", "-v0", "-c", program)
        for line in measuring.stdout or ():
            print(line, end="", flush=True)
        if measuring.wait():
            raise SystemExit("the rankers could not be measured")


if __name__ == "__main__":
    main()
