"""Models of matchers' rows that a database holds instead of the index on disk."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from retrieval.models.vectors import DistributionField, HalfVectorField


class RowSet(models.Model):
    """The rows of one matcher for the library, as far as they are published.

    Who appends locks this row. A row that belongs to a later snapshot is not ranked: an append was
    interrupted, or is not published yet.
    """

    key = models.CharField(
        max_length=100, help_text="Names the database, the matcher's rows and everything they need."
    )
    columns = models.PositiveIntegerField()
    snapshot = models.BigIntegerField(default=0)
    clips = models.BigIntegerField(default=0)
    max_abs = models.FloatField(default=0.0, help_text="Upper bound on the rows' values.")
    log_q_sum = ArrayField(models.FloatField())
    centre = ArrayField(
        models.FloatField(), default=list, help_text="Of the sphere; empty for exact search."
    )
    radius = models.FloatField(default=0.0, help_text="Of the sphere.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key"], name="retrieval_rowset_key_once"),
            models.CheckConstraint(
                condition=Q(snapshot__gte=0, clips__gte=0), name="retrieval_rowset_counts"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} at snapshot {self.snapshot}"


class StoredRow(models.Model):
    """A recording's row, float32; two of a thousand columns fill a page."""

    pk = models.CompositePrimaryKey("row_set", "clip_id")
    row_set = models.ForeignKey(RowSet, on_delete=models.CASCADE, db_index=False, related_name="+")
    clip_id = models.BigIntegerField()
    snapshot = models.BigIntegerField()
    row = DistributionField()

    def __str__(self) -> str:
        return f"row of clip {self.clip_id} in {self.row_set_id}"


class StoredPoint(models.Model):
    """A recording's point on the sphere, float16, among which an HNSW index finds neighbours."""

    pk = models.CompositePrimaryKey("row_set", "clip_id")
    row_set = models.ForeignKey(RowSet, on_delete=models.CASCADE, db_index=False, related_name="+")
    clip_id = models.BigIntegerField()
    snapshot = models.BigIntegerField()
    point = HalfVectorField()

    def __str__(self) -> str:
        return f"point of clip {self.clip_id} in {self.row_set_id}"
