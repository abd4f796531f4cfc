"""Model of background imports."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from retrieval.models.jobs import Job


class LibraryImport(Job):
    """A job that imports a manifest or folder on the server.

    A long import runs in time slices: after each one the job is queued again. `ImportItem` records
    the outcome of each file.
    """

    source = models.CharField(
        max_length=1000, help_text="Absolute path of a manifest.csv or a folder on the server."
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
