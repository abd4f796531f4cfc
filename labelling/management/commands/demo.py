"""`manage.py demo [--photos FOLDER] [--site URL]`."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from labelling.models import Campaign, PhotoSet
from labelling.services.demo import (
    DemoAccount,
    RealAccountsError,
    demo_guideline,
    demo_photo_set,
    make_demo_accounts,
    match_photos,
    open_demo_campaign,
)
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.management.errors import failures_as_command_errors
from retrieval.management.guards import require_migrated_database
from retrieval.management.progress import ProgressDisplay
from retrieval.services.matching import SoundFinder

GUIDELINE: Final = Path(__file__).parents[1] / "demo_guideline.md"


class Command(BaseCommand):
    """Add a lead reviewer, two reviewers, a set of photos and an open campaign, to try labelling.

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
            help="photos of sceneries (default: %(default)s)",
        )
        parser.add_argument(
            "--site",
            default="http://127.0.0.1:8000",
            metavar="URL",
            help="where the site is reached, for the addresses printed (default: %(default)s)",
        )
