"""`make bench`: measures start-up, import, matching, uploads and memory on this machine."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import engine_room, site
from benchmarks.report import heading, machine


def main() -> None:
    """Run every benchmark in a temporary var directory."""
    heading("Machine")
    machine()
    with tempfile.TemporaryDirectory(prefix="soundscape-bench-") as folder:
        engine_room.run(Path(folder))
        site.run(Path(folder))


if __name__ == "__main__":
    main()
