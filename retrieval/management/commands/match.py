"""`manage.py match PHOTO... [--top K] [--matcher NAME] [--commercial-use] [--json]`."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from retrieval.decoding.configured_limits import decoding_limits
from retrieval.decoding.pool import DecodingPool
from retrieval.engine.errors import DecodeError
from retrieval.engine.matching.recipes import MATCHERS
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.management.errors import failures_as_command_errors
from retrieval.management.guards import require_migrated_database
from retrieval.management.match_report import as_json, as_table
from retrieval.selectors.clip_filters import ClipFilter, licences_of
from retrieval.services.matching import SoundFinder


class Command(BaseCommand):
    """Print the recordings that fit each photo best, and why."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument("photos", nargs="+", metavar="PHOTO", help="an image file")
        parser.add_argument(
            "--top", type=int, default=5, help="recordings per photo (default: %(default)s)"
        )
        parser.add_argument(
            "--matcher",
            choices=MATCHERS,
            default=settings.SOUNDSCAPE_MATCHER,
            help="matching method (default: %(default)s)",
        )
        parser.add_argument(
            "--commercial-use",
            action="store_true",
            help="only recordings whose licence allows to earn money with them",
        )
        parser.add_argument(
            "--min-duration-s",
            type=float,
            metavar="S",
            help="only recordings of at least S seconds",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON line per photo")

    def handle(
        self, *, photos: list[str], top: int, matcher: str, json: bool, **options: Any
    ) -> None:
        """Match the photos one after the other; continue after a photo that cannot be decoded."""
        if top < 1:
            raise CommandError(f"--top must be at least 1, got {top}.")
        clip_filter = ClipFilter(
            licenses=licences_of(None, commercial_use=options["commercial_use"]),
            min_duration_s=options["min_duration_s"],
        )
        require_migrated_database()
        with failures_as_command_errors():
            failed = self._match_all(photos, top, matcher, clip_filter, as_json_lines=json)
        if failed:
            raise CommandError(f"{failed} of {len(photos)} photos could not be matched.")

    def _match_all(
        self,
        photos: list[str],
        top: int,
        matcher: str,
        clip_filter: ClipFilter,
        *,
        as_json_lines: bool,
    ) -> int:
        failed = 0
        with DecodingPool(processes=1, limits=decoding_limits()) as pool:
            pool.warm()  # starts its process while this one loads the model
            finder = SoundFinder(
                matcher,
                registry=ModelRegistry(settings.SOUNDSCAPE_MODELS_DIRECTORY),
                index_directory=settings.SOUNDSCAPE_INDEX_DIRECTORY,
            )
            for photo in photos:
                try:
                    decoded = pool.decode_photo(Path(photo))
                except DecodeError as error:
                    failed += 1
                    self._report_failure(photo, error, as_json_lines=as_json_lines)
                    continue
                seen = finder.classify(decoded.views)
                result = finder.search(seen, top=top, clip_filter=clip_filter)
                if as_json_lines:
                    self.stdout.write(json.dumps(as_json(photo, result), ensure_ascii=False))
                else:
                    self.stdout.write(as_table(photo, result))
        return failed

    def _report_failure(self, photo: str, error: DecodeError, *, as_json_lines: bool) -> None:
        if as_json_lines:
            problem = {"code": error.code, "detail": error.detail}
            self.stdout.write(json.dumps({"photo": photo, "error": problem}))
        self.stderr.write(f"{photo}: {error.detail} [{error.code}]")
