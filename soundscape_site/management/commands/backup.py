"""`manage.py backup DIR`: save database and media."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retrieval.management.guards import require_migrated_database
from retrieval.management.progress import ProgressDisplay, megabytes_a_second
from retrieval.selectors.media_files import named_file_count
from soundscape_site.backups.layout import BackupError, BackupManifest
from soundscape_site.backups.saving import save_backup
from soundscape_site.management.database_owner import database_of_owner


class Command(BaseCommand):
    """Save database and media."""

    help = "Save a consistent copy of the database and every file it names, while the site runs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument("folder", type=Path, metavar="DIR", help="a new or an empty folder")

    def handle(self, *, folder: Path, **options: Any) -> None:
        """Save and print what was saved."""
        using = database_of_owner()
        require_migrated_database()
        try:
            with ProgressDisplay("Saving", total=named_file_count()) as counting:
                manifest = save_backup(
                    folder.absolute(),
                    using=using,
                    on_progress=lambda now: counting.show(
                        done=now.media_files, rate=megabytes_a_second(now.media_bytes)
                    ),
                )
        except BackupError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(
                f"The backup stopped: {error}. {folder} is not complete: delete it."
            ) from error
        self._report(folder, manifest)

    def _report(self, folder: Path, manifest: BackupManifest) -> None:
        rows = sum(table.rows for table in manifest.tables)
        self.stdout.write(
            f"{folder}: {rows} rows of {len(manifest.tables)} tables, "
            f"{manifest.media_files} files, {manifest.media_bytes / 1e6:.1f} MB."
        )
        if manifest.damaged:
            raise CommandError(
                f"{len(manifest.damaged)} files are missing or altered on the site itself, "
                f"{manifest.damaged[0]} first. The backup holds everything else; "
                "`manage.py check_media` names them all [media_disagrees]"
            )
