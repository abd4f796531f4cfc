"""`manage.py setup_library`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from retrieval.catalogue.manifest import count_entries
from retrieval.selectors.imports import settled_count
from retrieval.selectors.library import clip_count


class Command(BaseCommand):
    """Migrate the database and import the starter library."""

    help = "Create the tables; if the library is empty, import the starter library."

    def handle(self, **options: Any) -> None:
        """Complete what is missing; report what was done.

        Files that failed are tried again each time, since a newer program may read them.
        """
        call_command("migrate", verbosity=0)
        manifest = self._starter_manifest()
        settled = settled_count(str(manifest.resolve()))
        finished = settled and settled >= count_entries(manifest)
        if finished or (clip_count() and not settled):
            self.stdout.write(f"The library holds {clip_count()} recordings.")
            return
        self.stdout.write(f"Importing the starter library, {manifest}")
        call_command("import_clips", str(manifest))
        if not clip_count():
            raise CommandError(
                f"no recording of {manifest} could be imported; the library is empty "
                "[library_empty]"
            )

    def _starter_manifest(self) -> Path:
        shared: Path = settings.SOUNDSCAPE_SHARED_LIBRARY
        if shared.is_file():
            return shared
        synthesised: Path = settings.SOUNDSCAPE_STARTER_LIBRARY / "library.csv"
        if not synthesised.is_file():
            call_command("make_starter_library")
        return synthesised
