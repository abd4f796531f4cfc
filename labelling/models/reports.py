"""Model of frozen reports: what a campaign's report said at one time, with its data."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Now

from labelling.models.campaigns import Campaign

CITED_DIGITS: Final = 12
"""Digits of the digest in a citation."""


class HexSha256(Func):
    """The hexadecimal SHA-256 of bytes."""

    template = "encode(sha256(%(expressions)s), 'hex')"
    output_field = models.CharField()


class FrozenReport(models.Model):
    """A report of a campaign that never changes; a trigger sees to that.

    It remains when photos are deleted and graders erase their accounts: it names neither. Photos
    are numbers, graders pseudonyms, and no text in it was typed by a grader.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="frozen_reports")
    number = models.PositiveIntegerField(help_text="From 1, of the campaign.")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    made_at = models.DateTimeField(db_default=Now(), editable=False)
    figures = models.TextField(help_text="The report as JSON.")  # jsonb would sort the slices
    data = models.BinaryField(help_text="The rows behind the figures: JSON lines, gzip.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the data.")
    code_version = models.CharField(max_length=64, help_text="SHA-256 of the program's sources.")
    versions = models.JSONField(help_text="Of matchers, models and libraries.")
    seed = models.BigIntegerField(help_text="Of the draw.")

    class Meta:
        ordering = ["-made_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "number"], name="labelling_frozenreport_number_once"
            ),
            models.CheckConstraint(
                condition=Q(number__gte=1), name="labelling_frozenreport_number_from_1"
            ),
            models.CheckConstraint(
                condition=Q(digest=HexSha256(F("data"))),
                name="labelling_frozenreport_digest_of_data",
            ),
            models.CheckConstraint(
                condition=~Q(figures="") & ~Q(code_version=""),
                name="labelling_frozenreport_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"report {self.number} of campaign {self.campaign_id}"

    @property
    def cited_digest(self) -> str:
        """The first digits of the digest, as a citation has them."""
        return self.digest[:CITED_DIGITS]
