"""`manage.py drop_unused_rows`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from retrieval.engine.matching.recipes import MATCHERS
from retrieval.management.errors import failures_as_command_errors
from retrieval.management.guards import require_migrated_database
from retrieval.selectors.library import library_state
from retrieval.selectors.matchers import matchers_in_force
from retrieval.services.rankers.chosen import drop_unused_rows


class Command(BaseCommand):
    """Delete matchers' rows that are no longer used."""

    help = (
        "Delete the rows in files, PostgreSQL and Milvus that the settings and the matchers in "
        "force do not use. A worker with other settings makes its own again."
    )

    def handle(self, **options: Any) -> None:
        """Delete, and report what was deleted."""
        require_migrated_database()
        with failures_as_command_errors():
            dropped, remaining = drop_unused_rows(
                matchers=matchers_in_force(MATCHERS),
                library=library_state().uuid,
                directory=settings.SOUNDSCAPE_INDEX_DIRECTORY,
            )
        for key in dropped:
            self.stdout.write(f"Deleted {key}.")
        for key in remaining:
            self.stdout.write(f"{key} remains: set SOUNDSCAPE_MILVUS_URI.")
        if not dropped and not remaining:
            self.stdout.write("All stored rows are in use.")
