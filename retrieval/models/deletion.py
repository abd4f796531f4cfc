"""What stays of a photo that was deleted: that it was, and the files still to be removed."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class DeletedScene(models.Model):
    """A scene's id after the scene is gone, so that its address can say so. Nothing of anybody."""

    class Reason(models.TextChoices):
        """Who wanted it, or why it went."""

        VISITOR = "visitor"
        EXPIRED = "expired"
        ACCOUNT = "account"

    id = models.UUIDField(primary_key=True, editable=False)
    reason = models.CharField(max_length=10, choices=Reason)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(reason__in=["visitor", "expired", "account"]),
                name="retrieval_deletedscene_reason_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.reason})"


class DiscardedFile(models.Model):
    """A file that a deleted row named: to be removed unless another row names it.

    Written in the transaction that deletes the row, taken away after the file: a process that is
    killed in between, or a storage that refuses, leaves the rest to the sweeper.
    """

    name = models.CharField(primary_key=True, max_length=200)
    at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.name
