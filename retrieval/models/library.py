"""Models of the library's version counter and of the spaces of its profiles."""

from __future__ import annotations

import uuid
from typing import Final

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

LIBRARY_KEY: Final = 1


class Library(models.Model):
    """The single row that holds the library's current snapshot number.

    Every transaction that changes which clips can be found, with a filter too, increments
    `snapshot`. The row lock orders these transactions, so a reader at snapshot n sees every change
    up to n.
    """

    id = models.SmallIntegerField(primary_key=True, default=LIBRARY_KEY, editable=False)
    uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    snapshot = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "libraries"
        constraints = [
            models.CheckConstraint(condition=Q(id=LIBRARY_KEY), name="retrieval_library_single"),
            models.CheckConstraint(
                condition=Q(snapshot__gte=0), name="retrieval_library_snapshot_counts"
            ),
        ]

    def __str__(self) -> str:
        return f"library at snapshot {self.snapshot}"


class LibrarySnapshot(models.Model):
    """When a snapshot of the library was made; the change that made it is told by other rows.

    Snapshots from before this table existed have a time only if rows of their own tell it.
    """

    number = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(null=True, db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(number__gte=1), name="retrieval_librarysnapshot_counts"
            ),
        ]

    def __str__(self) -> str:
        return f"snapshot {self.number}"


class Space(models.Model):
    """Name of a space and the size of its vocabulary; profiles reference both."""

    name = models.CharField(primary_key=True, max_length=32)
    classes = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(classes__gt=0), name="retrieval_space_has_classes"),
            # Target of the foreign keys of profiles on (space, classes).
            models.UniqueConstraint(fields=["name", "classes"], name="retrieval_space_size"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.classes} classes)"
