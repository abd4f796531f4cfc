"""`python -m benchmarks.large_library`: times of pages and queries by the size of the library.

Rows are made up by `large_library_rows`. There are no windows of profiles, no files and no index:
what is measured reads the database alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.processes import manage, start_manage
from benchmarks.report import heading, machine

_SIZES: Final = (20_000, 2_000_000)
_MEASURE: Final = "from benchmarks.large_library_acts import measure; measure({size})"


def main() -> None:
    """Measure libraries that grow, in a temporary var directory or in one that is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--var", type=Path, help="keep the rows in this folder")
    parser.add_argument("--sizes", type=int, nargs="+", default=_SIZES)
    given = parser.parse_args()
    heading("Machine")
    machine()
    with TemporaryDirectory(prefix="soundscape-bench-") as folder:
        var = given.var or Path(folder)
        manage(var, "migrate", "-v0")
        manage(var, "fetch_models")  # spaces exist by the networks that are there
        manage(var, "collectstatic", "--noinput", "-v0")
        for size in given.sizes:
            process = start_manage(var, "shell", "-v0", "-c", _MEASURE.format(size=size))
            for line in process.stdout or ():
                print(line, end="", flush=True)
            if process.wait():
                raise SystemExit(f"{size} recordings could not be measured")


if __name__ == "__main__":
    main()
