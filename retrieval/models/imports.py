"""Model of background imports."""

from __future__ import annotations

from django.db import models
from django.db.models import Q, Value

from retrieval.models.jobs import Job


class LibraryImport(Job):
    """A job that imports a manifest or folder on the server, or one recording that was sent.

    A long import runs in time slices: after each one the job is queued again. `ImportItem` records
    the outcome of each file.
    """

    source = models.CharField(
        max_length=1000, help_text="Absolute path of a manifest.csv or a folder on the server."
    )
    requested_by = models.BigIntegerField(null=True, blank=True, editable=False)
    sent_file = models.FileField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="A recording that a program sent, until it is imported.",
    )
    sent_row = models.JSONField(
        default=dict,
        db_default=Value({}, models.JSONField()),
        blank=True,
        editable=False,
        help_text="What a manifest would say of it; empty for an import from the server.",
    )

    class Meta(Job.Meta):
        constraints = [
            *Job.Meta.constraints,
            models.CheckConstraint(
                condition=Q(source__startswith="/"), name="retrieval_libraryimport_absolute"
            ),
            models.CheckConstraint(
                condition=Q(sent_file="") | ~Q(sent_row={}),
                name="retrieval_libraryimport_file_has_row",
            ),
        ]

    def __str__(self) -> str:
        return f"import of {self.source}"
