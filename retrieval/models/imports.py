"""Imports that the ingest worker is asked for."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from retrieval.models.jobs import Job


class LibraryImport(Job):
    """A manifest or folder on the server to be imported in the background.

    Long ones are worked off in slices: after each the row is queued again, and what became of each
    file stands in `ImportItem`.
    """

    source = models.CharField(
        max_length=1000, help_text="Absolute path, on the server, of a manifest.csv or a folder."
    )
    requested_by = models.BigIntegerField(null=True, blank=True, editable=False)

    class Meta(Job.Meta):
        constraints = [
            *Job.Meta.constraints,
            models.CheckConstraint(
                condition=Q(source__startswith="/"), name="retrieval_libraryimport_absolute"
            ),
        ]

    def __str__(self) -> str:
        return f"import of {self.source}"
