"""Model of visitors' own answers to "does it fit?"."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from retrieval.models.scenes import Match, Scene


class Thumb(models.Model):
    """A visitor's answer whether a recording fits a photo; it is not a reviewer's grade."""

    class Reason(models.TextChoices):
        """Why it does not fit."""

        PLACE = "place", _("Wrong place")
        WEATHER = "weather", _("Wrong weather")
        SOUNDS = "sounds", _("Other sounds")
        RECORDING = "recording", _("Poor recording")

    match = models.ForeignKey(Match, on_delete=models.CASCADE, related_name="thumbs")
    scene = models.ForeignKey(  # other scenes of the same photo share its matches
        Scene,
        on_delete=models.CASCADE,
        related_name="thumbs",
        help_text="On whose page it was given; it is deleted with that photo.",
    )
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="thumbs",
    )
    browser_key = models.CharField(
        max_length=64,
        blank=True,
        default="",
        editable=False,
        help_text="Without an account: hash of the name in the browser's cookie.",
    )
    fits = models.BooleanField()
    reason = models.CharField(max_length=10, choices=Reason, blank=True, default="")
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["match", "account"],
                condition=Q(account__isnull=False),
                name="retrieval_thumb_account_once",
            ),
            models.UniqueConstraint(
                fields=["match", "browser_key"],
                condition=~Q(browser_key=""),
                name="retrieval_thumb_browser_once",
            ),
            models.CheckConstraint(
                condition=Q(account__isnull=False, browser_key="")
                | (Q(account__isnull=True) & ~Q(browser_key="")),
                name="retrieval_thumb_has_one_giver",
            ),
            models.CheckConstraint(
                condition=Q(reason__in=["", "place", "weather", "sounds", "recording"]),
                name="retrieval_thumb_reason_known",
            ),
            models.CheckConstraint(
                condition=Q(reason="") | Q(fits=False),
                name="retrieval_thumb_reason_of_a_misfit",
            ),
        ]
        indexes = [
            models.Index(
                fields=["browser_key"],
                name="retrieval_thumb_of_browser",
                condition=~Q(browser_key=""),
            ),
        ]

    def __str__(self) -> str:
        return f"match {self.match_id} {'fits' if self.fits else 'does not fit'}"
