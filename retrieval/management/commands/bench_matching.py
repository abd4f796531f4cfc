"""`manage.py bench_matching [--clips N] [--queries Q] [--matcher M] [--peers P,...] [--json]`."""

from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

_ROOT: Final = Path(__file__).resolve().parents[3]


class Command(BaseCommand):
    """Measure the ranking of a synthetic library, beside what else could rank it.

    Time per photo, recall of the true ten, memory and build time, of the site's index and of its
    peers on the same rows. The library is drawn from the profiles of real recordings, the photos
    are real. Options that are not given have the defaults of `python -m benchmarks.matching`.
    """

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument("--clips", help="size of the library")
        parser.add_argument("--queries", help="number of photos")
        parser.add_argument("--matcher", help="paper or fused")
        parser.add_argument("--peers", help="which to measure beside, by commas, or none")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, json: bool, **options: Any) -> None:
        """Run the benchmark in a process of its own, without Django."""
        if not (_ROOT / "benchmarks").is_dir():
            raise CommandError("This installation has no benchmarks [benchmarks_missing]")
        given = {name: options[name] for name in ("clips", "queries", "matcher", "peers")}
        arguments = [f"--{name}={value}" for name, value in given.items() if value is not None]
        command = [sys.executable, "-m", "benchmarks.matching", *arguments]
        ended = subprocess.run([*command, *["--json"] * json], cwd=_ROOT, check=False)
        if ended.returncode:
            sys.exit(ended.returncode)
