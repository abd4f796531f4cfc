"""`manage.py import_photos FOLDER --set NAME [--license CODE] [--author NAME] [--json]`."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from labelling.models import PhotoImportItem, PhotoSet
from labelling.selectors.photo_sets import photo_set_named
from labelling.services.photo_files import (
    PhotoCredit,
    PhotoFile,
    credit_problem,
    photos_in_folder,
)
from labelling.services.photo_import import Imported, PhotoImporter, tally
from labelling.services.photo_sets import make_photo_set, record_added
from retrieval.catalogue.licences import LICENCES, UNKNOWN
from retrieval.decoding.configured_limits import decoding_limits
from retrieval.decoding.pool import DecodingPool
from retrieval.jobs.priority import stepping_back
from retrieval.management.errors import failures_as_command_errors
from retrieval.management.guards import require_migrated_database
from retrieval.management.progress import ProgressDisplay
from retrieval.submission import wake_for_photo

Outcome = PhotoImportItem.Outcome


class Command(BaseCommand):
    """Add the photos of a folder to a photo set, which is made if there is none of this name.

    A file `photos.csv` in the folder can give the licence of each photo, in the columns path,
    author, license and source_url. Photos that the set has already are skipped (compared by
    content). Run the same command again to continue an interrupted import.
    """

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument("folder", type=Path, metavar="FOLDER", help="a folder of photos")
        parser.add_argument("--set", required=True, dest="name", help="name of the photo set")
        parser.add_argument(
            "--license",
            default=UNKNOWN,
            help=f"of photos without one in photos.csv: {', '.join(LICENCES)}",
        )
        parser.add_argument("--author", default="", help="of photos without one in photos.csv")
        parser.add_argument(
            "--source-url", default="", help="where photos without one in photos.csv come from"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, folder: Path, name: str, **options: Any) -> None:
        """Run the import and print what was added."""
        require_migrated_database()
        credit = PhotoCredit(
            author=options["author"],
            license=options["license"],
            source_url=options["source_url"],
        )
        if problem := credit_problem(credit=credit):
            raise CommandError(f"{problem.detail} [{problem.code}]")
        started = time.monotonic()
        with failures_as_command_errors(), stepping_back():
            files = photos_in_folder(folder=folder.resolve(), default=credit)
            photo_set = _set_named(name)
            outcomes = _import(files, photo_set, quiet=options["json"])
        seconds = time.monotonic() - started
        if options["json"]:
            self.stdout.write(json.dumps(_as_data(photo_set, outcomes, seconds)))
        else:
            self._print(photo_set, outcomes)

    def _print(self, photo_set: PhotoSet, outcomes: Sequence[Imported]) -> None:
        counts = tally(outcomes=[one.outcome for one in outcomes])
        self.stdout.write(
            f"{counts['added']} photos added to the set {photo_set.name!r}, "
            f"{counts['duplicate']} in it already, {counts['failed']} failed."
        )
        for one in outcomes:
            if one.outcome == Outcome.FAILED:
                self.stderr.write(f"  {one.path}: {one.detail} [{one.code}]")


def _set_named(name: str) -> PhotoSet:
    """Return the set of this name, and make it if there is none."""
    found = photo_set_named(name.strip())
    if found is None:
        try:
            return make_photo_set(name=name, made_by=None)
        except ValidationError as error:
            raise CommandError(f"--set: {' '.join(error.messages)} [set_name_invalid]") from error
    if found.source != PhotoSet.Source.IMPORTED:
        raise CommandError(f"The set {found.name!r} is one of visitors' photos [set_of_visitors]")
    return found


def _import(files: Sequence[PhotoFile], photo_set: PhotoSet, *, quiet: bool) -> list[Imported]:
    outcomes: list[Imported] = []
    with (
        ProgressDisplay("Importing", total=len(files), quiet=quiet) as display,
        DecodingPool(
            processes=settings.SOUNDSCAPE_DECODING_PROCESSES, limits=decoding_limits()
        ) as pool,
    ):
        pool.warm()
        importer = PhotoImporter(photo_set_id=photo_set.pk, pool=pool)
        try:
            for imported in importer.run(files):
                outcomes.append(imported)
                if imported.scene is not None:
                    wake_for_photo(imported.scene)
                display.show(
                    done=len(outcomes), rate=lambda elapsed_s: f"{len(outcomes) / elapsed_s:.1f}/s"
                )
        except PhotoSet.DoesNotExist as error:
            raise CommandError("The set was deleted meanwhile [set_deleted]") from error
        finally:
            _record(photo_set, outcomes)
    return outcomes


def _record(photo_set: PhotoSet, outcomes: Sequence[Imported]) -> None:
    """Record what was added, also by a command that is interrupted."""
    counts = tally(outcomes=[one.outcome for one in outcomes])
    if counts["added"]:
        with transaction.atomic():
            record_added(photo_set_id=photo_set.pk, actor_id=None, **counts)


def _as_data(photo_set: PhotoSet, outcomes: Sequence[Imported], seconds: float) -> dict[str, Any]:
    failed = [one for one in outcomes if one.outcome == Outcome.FAILED]
    return {
        "set": photo_set.name,
        **tally(outcomes=[one.outcome for one in outcomes]),
        "failures": [{"path": one.path, "code": one.code, "detail": one.detail} for one in failed],
        "seconds": round(seconds, 3),
    }
