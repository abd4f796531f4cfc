"""`make contract`: send requests made from the API's description to a site of its own.

The site is served as in production: by waitress, with PostgreSQL, Redis and a worker. Its key has
every scope, and its owner every role; limits are off. All checks are made, and sequences of
requests too; what cannot hold is named in `soundscape_site/tests/api/contract.py` with the reason.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import django

from benchmarks.processes import ROOT, free_port, manage
from benchmarks.site import serving
from soundscape_site.tests.browser.site import LIBRARY, write_manifest

_UNLIMITED: Final = {
    "SOUNDSCAPE_USER_LIMITS": "0,0,0",
    "SOUNDSCAPE_API_KEY_LIMITS": "0,0",
    "SOUNDSCAPE_API_ADDRESS_LIMITS": "0,0",
    "SOUNDSCAPE_QUEUE_LIMIT": "1000000",
    "SOUNDSCAPE_MINIMUM_LISTEN_S": "0",
}
_EXAMPLES: Final = 25
_STEPS: Final = 8
_OWNER: Final = "demo_lead"
_MAKE_KEY: Final = f"from soundscape_site.tests.api.people import key_of; print(key_of({_OWNER!r}))"


def main() -> int:
    """Send at least as many requests as asked for; return 1 if a check failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.contract", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    os.environ.update(_UNLIMITED)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "soundscape_site.settings.local")
    django.setup()
    contract = importlib.import_module("soundscape_site.tests.api.contract")  # has models
    found = contract.Outcome()
    with tempfile.TemporaryDirectory(prefix="soundscape-contract-") as folder:
        var = Path(folder)
        var.chmod(0o755)  # PostgreSQL's user enters it
        key = _furnish(var)
        port, seed = free_port(), given.seed
        with serving(var, port):
            while found.cases.total() < given.cases:
                found.add(
                    contract.run_contract(
                        f"http://127.0.0.1:{port}", key, examples=_EXAMPLES, steps=_STEPS, seed=seed
                    )
                )
                print(f"seed {seed}: {found.cases.total()} requests so far", flush=True)
                seed += 1
    _print(found)
    return 1 if found.faults else 0


def _furnish(var: Path) -> str:
    """Import recordings, make a campaign with pairs to grade; return a key for everything."""
    (var / "models").symlink_to(ROOT / "var" / "models")
    manage(var, "migrate", "--verbosity", "0")
    if LIBRARY.is_dir():
        write_manifest(var / "manifest.csv")  # a few recordings of each kind
        manage(var, "import_clips", str(var / "manifest.csv"))
    else:
        manage(var, "setup_library")
    manage(var, "demo")
    return manage(var, "shell", "--verbosity", "0", "-c", _MAKE_KEY).output.strip().splitlines()[-1]


def _print(found: Any) -> None:
    statuses = defaultdict(list)
    for (operation, status), number in sorted(found.statuses.items()):
        statuses[operation].append(f"{status}: {number}")
    print(f"\n{'operation':<64}{'requests':>9}  answers")
    for operation, number in sorted(found.cases.items()):
        print(f"{operation:<64}{number:>9}  {', '.join(statuses[operation])}")
    print(f"\n{found.cases.total()} requests, {len(found.failures)} kinds of failures")
    print(found.faults)


if __name__ == "__main__":
    sys.exit(main())
