"""`python -m soundscape_site.embedded`: the daemon's entry point, used by `services` only."""

import argparse
import logging
import os
import sys
from pathlib import Path

from soundscape_site.embedded.daemon import Daemon
from soundscape_site.embedded.locations import locate
from soundscape_site.embedded.locks import FileLock
from soundscape_site.embedded.status import Service


def main() -> int:
    """Become the daemon; the starting command reads the outcome from the status file."""
    parser = argparse.ArgumentParser(prog="python -m soundscape_site.embedded", description=__doc__)
    parser.add_argument("--var", type=Path, required=True, help="directory of the program's data")
    parser.add_argument(
        "--lock", type=int, required=True, help="descriptor of the held supervisor.lock"
    )
    parser.add_argument("services", type=Service, nargs="+", choices=list(Service))
    options = parser.parse_args()
    locations = locate(options.var)
    if os.fork() > 0:
        return 0  # the daemon is nobody's child, so no command has to reap it
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s [%(process)d] %(levelname)s %(message)s"
    )
    lock = FileLock.adopt(options.lock, locations.supervisor_lock)
    return Daemon(locations, frozenset(options.services), lock).run()


if __name__ == "__main__":
    sys.exit(main())
