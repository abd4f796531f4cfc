"""`manage.py restore DIR [--replace]`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from retrieval.management.progress import ProgressDisplay, megabytes_a_second
from soundscape_site.backups.layout import BackupError, BackupManifest
from soundscape_site.backups.restoring import restore_backup
from soundscape_site.management.database_owner import database_of_owner


class Command(BaseCommand):
    """Bring a backup back."""

    help = (
        "Restore what `backup` saved, into an empty database and media folder. Stop the site first."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument("folder", type=Path, metavar="DIR", help="a backup")
        parser.add_argument(
            "--replace",
            action="store_true",
            help="restore over what is here: every row of the database is lost",
        )

    def handle(self, *, folder: Path, replace: bool, **options: Any) -> None:
        """Restore, and say what was restored."""
        using = database_of_owner()
        folder = folder.absolute()
        try:
            total = BackupManifest.read(folder).media_files
            with ProgressDisplay("Restoring", total=total) as counting:
                manifest = restore_backup(
                    folder,
                    using=using,
                    replace=replace,
                    on_progress=lambda files, size: counting.show(
                        done=files, rate=megabytes_a_second(size)
                    ),
                )
        except BackupError as error:
            raise CommandError(str(error)) from error
        except (OSError, DatabaseError) as error:
            raise CommandError(
                f"Nothing was restored into the database: {error}. Stop the site and whatever else "
                "uses the database, and try again; files that were copied are not copied again."
            ) from error
        rows = sum(table.rows for table in manifest.tables)
        self.stdout.write(
            f"Restored the state of {manifest.made_at}: {rows} rows, {manifest.media_files} files, "
            f"{manifest.media_bytes / 1e6:.1f} MB. Indexes are made again by the first search."
        )
