"""Model of daily upload counts."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

VISITOR_PATTERN = r"^(user|browser|address):[0-9a-f]{1,40}$"


class UploadTally(models.Model):
    """Uploads of one visitor on one day (UTC); the visitor is a keyed hash."""

    visitor = models.CharField(max_length=50)
    day = models.DateField()
    photos = models.PositiveIntegerField(default=0)
    photo_bytes = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "upload tallies"
        constraints = [
            models.UniqueConstraint(fields=["visitor", "day"], name="retrieval_uploadtally_once"),
            models.CheckConstraint(
                condition=Q(visitor__regex=VISITOR_PATTERN),
                name="retrieval_uploadtally_visitor_form",
            ),
            models.CheckConstraint(
                condition=Q(photos__gte=0, photo_bytes__gte=0),
                name="retrieval_uploadtally_counts_up",
            ),
        ]
        indexes = [models.Index(fields=["day"], name="retrieval_uploadtally_day")]

    def __str__(self) -> str:
        return f"{self.visitor} on {self.day}: {self.photos} photos"
