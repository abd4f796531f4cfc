"""`manage.py clean_recordings`: no recording is served with its tags."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from retrieval.decoding.outcome import DecoderUnavailableError
from retrieval.decoding.pool import DecodingPool
from retrieval.management.guards import require_migrated_database
from retrieval.services.clean_copies import make_clean_copies
from retrieval.storage.content_store import StorageError
from retrieval.storage.scratch import scratch_folder


class Command(BaseCommand):
    """Make the copies that recordings imported by an older version lack."""

    help = "Make a copy without tags of every recording that is still served as it came."

    def handle(self, **options: Any) -> None:
        """Make them and say how many."""
        require_migrated_database()
        done = 0

        def count(so_far: int) -> None:
            nonlocal done
            done = so_far

        try:
            with (
                scratch_folder(settings.SOUNDSCAPE_SCRATCH_DIRECTORY) as scratch,
                DecodingPool(processes=1) as pool,
            ):
                failed = make_clean_copies(pool=pool, scratch=scratch, on_progress=count)
        except (StorageError, DecoderUnavailableError) as error:
            raise CommandError(f"{error} [{error.code}]; call it again to go on") from error
        except OSError as error:
            raise CommandError(f"{error}; call it again to go on") from error
        if done:
            self.stdout.write(f"{done - len(failed)} recordings are served without their tags now.")
        if failed:
            raise CommandError(f"No copy could be made of the clips {failed}; the log says why.")
