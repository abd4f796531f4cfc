"""A command that uses the services: `python command.py VAR [SERVICE...]`.

It prints `ready`, waits until its standard input ends, and prints `left` after the release.
"""

import sys
from pathlib import Path

from soundscape_site.embedded.errors import ServicesError
from soundscape_site.embedded.services import ALL, use_services
from soundscape_site.embedded.status import Service


def main():
    services = frozenset(map(Service, sys.argv[2:])) or ALL
    try:
        with use_services(Path(sys.argv[1]), services):
            print("ready", flush=True)  # noqa: T201 - read by the test
            sys.stdin.read()
    except ServicesError as error:
        return str(error)
    print("left", flush=True)  # noqa: T201 - read by the test
    return 0


if __name__ == "__main__":
    sys.exit(main())
