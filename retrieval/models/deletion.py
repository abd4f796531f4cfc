"""Models of deleted scenes and of files that are still to be deleted."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class DeletedScene(models.Model):
    """Id of a deleted scene, so that its address answers 410; contains no personal data."""

    class Reason(models.TextChoices):
        """Why the scene was deleted."""

        VISITOR = "visitor"
        EXPIRED = "expired"
        ACCOUNT = "account"
        PHOTO_SET = "photo_set"

    id = models.UUIDField(primary_key=True, editable=False)
    reason = models.CharField(max_length=10, choices=Reason)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(reason__in=["visitor", "expired", "account", "photo_set"]),
                name="retrieval_deletedscene_reason_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.reason})"


class DiscardedFile(models.Model):
    """A file of a deleted row, to be deleted unless another row references it.

    Added in the transaction that deletes the row and removed after the file, so that the sweeper
    can finish an interrupted deletion.
    """

    name = models.CharField(primary_key=True, max_length=200)
    at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.name
