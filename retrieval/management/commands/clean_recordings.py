"""`manage.py clean_recordings`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from retrieval.decoding.configured_limits import decoding_limits
from retrieval.decoding.pool import DecodingPool
from retrieval.management.errors import failures_as_command_errors
from retrieval.management.guards import require_migrated_database
from retrieval.services.clean_copies import make_clean_copies
from retrieval.storage.scratch import scratch_folder


class Command(BaseCommand):
    """Make tag-free copies of recordings that an older version imported without one."""

    help = __doc__

    def handle(self, **options: Any) -> None:
        """Make the copies and print how many were made."""
        require_migrated_database()
        done: list[int] = []
        with (
            failures_as_command_errors(),
            scratch_folder(settings.SOUNDSCAPE_SCRATCH_DIRECTORY) as scratch,
            DecodingPool(processes=1, limits=decoding_limits()) as pool,
        ):
            failed = make_clean_copies(pool=pool, scratch=scratch, on_progress=done.append)
        self.stdout.write(f"Copies without tags made: {len(done) - len(failed)}.")
        if failed:
            raise CommandError(
                f"No copy was made of the recordings with the ids {failed}; see the log."
            )
