"""`make bench`: what the program costs here, measured from outside, in a place of its own."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import engine_room, site
from benchmarks.report import heading, machine


def main() -> None:
    """Run every benchmark on fresh data under a temporary var directory."""
    heading("Machine")
    machine()
    with tempfile.TemporaryDirectory(prefix="soundscape-bench-") as folder:
        engine_room.run(Path(folder))
        site.run(Path(folder))


if __name__ == "__main__":
    main()
