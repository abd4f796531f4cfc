"""`manage.py demo [--photos FOLDER] [--host HOST] [--port PORT]`."""

from __future__ import annotations

import logging
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.urls import reverse

from accounts.roles import Role
from labelling.selectors.demo import demo_progress, scenes_of_set
from labelling.services.demo import (
    DemoAccount,
    RealAccountsError,
    demo_guideline,
    demo_photo_set,
    make_demo_accounts,
    match_photos,
    open_demo_campaign,
)
from labelling.services.errors import LabellingError
from labelling.services.photo_files import PhotoCredit, PhotoFile, photos_in_folder
from labelling.services.photo_import import Imported, PhotoImporter, tally
from labelling.services.photo_sets import record_added
from retrieval.decoding.configured_limits import decoding_limits
from retrieval.decoding.pool import DecodingPool
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.management.errors import failures_as_command_errors
from retrieval.management.guards import require_migrated_database
from retrieval.management.progress import ProgressDisplay
from retrieval.services.matching import SoundFinder
from soundscape_site.supervising.bind_address import BindAddress

GUIDELINE: Final = Path(__file__).parents[1] / "demo_guideline.md"
_WORKER: Final = "demo"
_LOGGER: Final = logging.getLogger("retrieval")


class Command(BaseCommand):
    """Add a lead reviewer, two reviewers, photos and an open campaign, to try labelling.

    Only on a site without other accounts. Run again, it completes what is missing and gives the
    demo's accounts new passwords.
    """

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument(
            "--photos",
            type=Path,
            default=settings.SOUNDSCAPE_SAMPLE_PHOTOS,
            metavar="FOLDER",
            help="photos of places (default: %(default)s)",
        )
        parser.add_argument("--host", default="127.0.0.1", help="host of the addresses printed")
        parser.add_argument("--port", type=int, default=8000, help="port of the addresses printed")

    def handle(self, *, photos: Path, host: str, port: int, **options: Any) -> None:
        """Make what is missing, and print names, passwords and addresses."""
        require_migrated_database()
        with failures_as_command_errors(), _without_details():
            exists = demo_progress() is not None
            files = [] if exists else _photos_in(photos)
            accounts = _accounts()
            if not exists:
                self._make_campaign(files, lead_id=accounts[0].user_id)
        self._tell(accounts, exists=exists, site=f"http://{BindAddress(host, port).reached_at}")

    def _make_campaign(self, files: Sequence[PhotoFile], *, lead_id: int) -> None:
        photo_set = demo_photo_set(lead_id=lead_id)
        self._import(files, photo_set_id=photo_set.pk, lead_id=lead_id)
        guideline = demo_guideline(body=GUIDELINE.read_text(), lead_id=lead_id)
        try:
            open_demo_campaign(
                photo_set_id=photo_set.pk, guideline_id=guideline.pk, lead_id=lead_id
            )
        except LabellingError as error:
            raise CommandError(
                f"No pairs can be drawn from these photos: {error.detail} [{error.code}]"
            ) from error

    def _import(self, files: Sequence[PhotoFile], *, photo_set_id: int, lead_id: int) -> None:
        """Add photos to the set and find their sounds, one after the other."""
        with (
            ProgressDisplay("Matching photos", total=len(files)) as display,
            DecodingPool(processes=1, limits=decoding_limits()) as pool,
        ):
            pool.warm()  # starts its process while this one loads the model
            finder = SoundFinder(
                settings.SOUNDSCAPE_MATCHER,
                registry=ModelRegistry(settings.SOUNDSCAPE_MODELS_DIRECTORY),
                index_directory=settings.SOUNDSCAPE_INDEX_DIRECTORY,
            )
            importer = PhotoImporter(photo_set_id=photo_set_id, pool=pool)
            outcomes: list[Imported] = []
            try:
                for imported in importer.run(files):
                    outcomes.append(imported)
                    if imported.code:
                        self.stderr.write(f"  {imported.path}: {imported.detail} [{imported.code}]")
                    if imported.scene:
                        match_photos(scene_ids=[imported.scene.pk], finder=finder, worker=_WORKER)
                    display.show(done=len(outcomes), rate=_rate(len(outcomes)))
            finally:
                _record(outcomes, photo_set_id=photo_set_id, lead_id=lead_id)
            left = scenes_of_set(photo_set_id)  # what a run that was interrupted did not match
            match_photos(scene_ids=left, finder=finder, worker=_WORKER)

    def _tell(self, accounts: Sequence[DemoAccount], *, exists: bool, site: str) -> None:
        progress = demo_progress()
        if progress is None:
            raise CommandError("The demo's campaign was deleted meanwhile; run this again.")
        if exists:
            self.stdout.write("The demo exists already; its passwords are new.")
        self.stdout.write(f"{progress.photos} photos, {progress.pairs} pairs to grade. Accounts:")
        for account in accounts:
            label = Role(account.role).label
            self.stdout.write(f"  {account.name:<16}  password {account.password}  {label}")
        pages = {
            "log in": reverse("account_login"),
            "reviewers grade": reverse("labelling:review_queue"),
            "the lead watches and decides": reverse("labelling:campaigns"),
        }
        for words, path in pages.items():
            self.stdout.write(f"  {site}{path}  {words}")
        self.stdout.write(
            "Where the two reviewers differ, a third grade is asked for first: once they are done, "
            f"log in as {accounts[0].name} and grade those pairs at {pages['reviewers grade']}, as "
            "they did. What is still disputed then waits on the campaign's page."
        )
        self.stdout.write("These passwords are stored nowhere else; the command makes new ones.")


@contextmanager
def _without_details() -> Iterator[None]:
    """Keep the line about each photo from the terminal; warnings stay."""
    level = _LOGGER.level
    _LOGGER.setLevel(logging.WARNING)
    try:
        yield
    finally:
        _LOGGER.setLevel(level)


def _photos_in(folder: Path) -> list[PhotoFile]:
    files = photos_in_folder(folder=folder, default=PhotoCredit()) if folder.is_dir() else []
    if not files:
        raise CommandError(
            f"There are no photos in {folder}. Name a folder of photos of places: make demo "
            "PHOTOS=FOLDER, or manage.py demo --photos FOLDER [no_photos]"
        )
    return files


def _accounts() -> list[DemoAccount]:
    try:
        return make_demo_accounts()
    except RealAccountsError as error:
        raise CommandError(
            f"This site has accounts that are not the demo's ({error.count}), so nothing was "
            "added. Serve it by `make run`; for the demo use another folder: "
            f"make demo SOUNDSCAPE_VAR_DIR=/tmp/demo [{error.code}]"
        ) from error


@transaction.atomic
def _record(outcomes: Sequence[Imported], *, photo_set_id: int, lead_id: int) -> None:
    """Record what was added, also if the command is interrupted."""
    counts = tally(outcomes=[one.outcome for one in outcomes])
    if counts["added"]:
        record_added(photo_set_id=photo_set_id, actor_id=lead_id, **counts)


def _rate(done: int) -> Callable[[float], str]:
    return lambda elapsed_s: f"{done / elapsed_s:.1f} photos/s"
