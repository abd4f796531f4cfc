"""`manage.py demo [--photos FOLDER] [--host HOST] [--port PORT]`."""

from __future__ import annotations

import socket
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from accounts.roles import Role
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
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.management.errors import failures_as_command_errors
from retrieval.management.guards import require_migrated_database
from retrieval.management.progress import ProgressDisplay
from retrieval.services.matching import SoundFinder
from soundscape_site.supervising.bind_address import BindAddress

GUIDELINE: Final = Path(__file__).parents[1] / "demo_guideline.md"
_WORDS: Final = {Role.LEAD_REVIEWER: "runs the campaign", Role.REVIEWER: "grades"}
_PAGES: Final = {Role.LEAD_REVIEWER: "labelling:campaigns", Role.REVIEWER: "labelling:review_queue"}


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
        parser.add_argument("--host", default="127.0.0.1", help="as for serve, to print addresses")
        parser.add_argument("--port", type=int, default=8000, help="as for serve")
