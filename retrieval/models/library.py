"""The library as a whole, and the spaces its profiles live in."""

from __future__ import annotations

import uuid
from typing import Final

from django.db import models
from django.db.models import Q

LIBRARY_KEY: Final = 1


class Library(models.Model):
    """The one row that counts the library's states.

    Whoever changes which clips are heard raises `snapshot` in the same transaction. The row's lock
    puts all changes in one order, so that a reader at snapshot n sees everything up to n.
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


class Space(models.Model):
    """A common vocabulary and how many classes it has; profiles refer to both."""

    name = models.CharField(primary_key=True, max_length=32)
    classes = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(classes__gt=0), name="retrieval_space_has_classes"),
            # Target of the profiles' foreign keys on (space, classes).
            models.UniqueConstraint(fields=["name", "classes"], name="retrieval_space_size"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.classes} classes)"
