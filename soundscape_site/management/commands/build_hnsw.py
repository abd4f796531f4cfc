"""`manage.py build_hnsw`: the index by which pgvector searches approximately."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from retrieval.engine.matching.recipes import MATCHERS
from retrieval.management.errors import failures_as_command_errors
from retrieval.management.guards import require_migrated_database
from retrieval.selectors.library import library_state
from retrieval.selectors.matchers import matchers_in_force
from retrieval.services.indexing import open_library
from retrieval.services.rankers.chosen import stored_rows
from soundscape_site.management.database_owner import database_of_owner


class Command(BaseCommand):
    """Build the HNSW indexes of the matchers in force."""

    help = (
        "Build the HNSW indexes for SOUNDSCAPE_RANKER=pgvector-hnsw, while the site runs. Until "
        "then a search reads every recording."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument(
            "--memory",
            default="512MB",
            help="memory of the build, as maintenance_work_mem; 3 kB a recording makes it fast "
            "(default: %(default)s)",
        )

    def handle(self, *, memory: str, **options: Any) -> None:
        """Store the rows that are missing, then build; report the indexes."""
        if settings.SOUNDSCAPE_RANKER != "pgvector-hnsw":
            raise CommandError(
                f"SOUNDSCAPE_RANKER is {settings.SOUNDSCAPE_RANKER}; only pgvector-hnsw uses "
                "these indexes"
            )
        using = database_of_owner()
        require_migrated_database()
        with failures_as_command_errors():
            library = library_state().uuid
            matchers = {one.rows_version: one for one in matchers_in_force(MATCHERS)}
            for matcher in matchers.values():
                stored = stored_rows(matcher=matcher, library=library)
                size = open_library(
                    matcher=matcher, directory=settings.SOUNDSCAPE_INDEX_DIRECTORY
                ).size
                name = stored.build_hnsw(using=using, memory=memory)
                self.stdout.write(f"{matcher.name}: {name} over {size} recordings.")
