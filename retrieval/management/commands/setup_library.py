"""`manage.py setup_library`: a database with recordings, on any machine, any number of times."""

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
    """Migrate, then import the starter library into an empty library."""

    help = "Create the tables; if the library is empty, import the starter library."

    def handle(self, **options: Any) -> None:
        """Do what is missing, say what was done.

        Files that failed are tried again each time: it is soon done, and a newer program may read
        what an older one could not.
        """
        call_command("migrate", verbosity=0)
        manifest = self._starter_manifest()
        settled = settled_count(str(manifest.resolve()))
        finished = settled and settled >= count_entries(manifest)
        if clip_count():
            call_command("profile_clips")
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
