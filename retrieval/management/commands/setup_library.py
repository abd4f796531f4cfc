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
        manifests = self._starter_manifests()
        settled = {one: settled_count(str(one.resolve())) for one in manifests}
        unfinished = [one for one in manifests if settled[one] < max(1, count_entries(one))]
        if not unfinished or (clip_count() and not any(settled.values())):
            self.stdout.write(f"The library holds {clip_count()} recordings.")
            return
        for manifest in unfinished:
            self.stdout.write(f"Importing the starter library, {manifest}")
            call_command("import_clips", str(manifest))
        if not clip_count():
            raise CommandError(
                f"no recording of {manifests[0]} could be imported; the library is empty "
                "[library_empty]"
            )

    def _starter_manifests(self) -> list[Path]:
        shared: Path = settings.SOUNDSCAPE_SHARED_LIBRARY
        if shared.is_file():
            ambiences: Path = settings.SOUNDSCAPE_SHARED_AMBIENCES
            return [shared, ambiences] if ambiences.is_file() else [shared]
        synthesised: Path = settings.SOUNDSCAPE_STARTER_LIBRARY / "library.csv"
        if not synthesised.is_file():
            call_command("make_starter_library")
        return [synthesised]
