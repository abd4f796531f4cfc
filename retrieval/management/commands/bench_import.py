"""`manage.py bench_import [--json]`."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from benchmarks.importing import as_text, measure


class Command(BaseCommand):
    """Measure imports: rate, processor time by stage, memory (about two minutes).

    Imports the shared library, long recordings made of it, and the library by SoundNet alone, which
    is compared with `librosa.load` and `predict` file by file. The site's library is not touched: a
    temporary one with services of its own is used.
    """

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument("--clips", type=int, help="only so many clips, for a quick look")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, clips: int | None, **options: Any) -> None:
        """Measure and print."""
        library = settings.SOUNDSCAPE_SHARED_LIBRARY
        if not library.is_file():
            raise CommandError(f"There is no {library}, whose import is measured [library_missing]")
        found = measure(library, settings.SOUNDSCAPE_MODELS_DIRECTORY, clips=clips)
        self.stdout.write(json.dumps(found, indent=2) if options["json"] else as_text(found))
