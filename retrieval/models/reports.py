"""Model of complaints about photos."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from retrieval.models.scenes import Scene


class SceneReport(models.Model):
    """A visitor's complaint about a photo, which an operator decides."""

    class Reason(models.TextChoices):
        """What is wrong with the photo."""

        OFFENSIVE = "offensive", _("It is offensive or shows violence")
        PERSON = "person", _("It shows a person who does not want that")
        RIGHTS = "rights", _("It is somebody else's photo")
        OTHER = "other", _("Something else")

    class Decision(models.TextChoices):
        """How the complaint was decided."""

        OPEN = "", _("Not decided")
        HIDDEN = "hidden", _("The photo was hidden")
        KEPT = "kept", _("The photo stays")

    scene = models.ForeignKey(Scene, on_delete=models.CASCADE, related_name="reports")
    reason = models.CharField(max_length=10, choices=Reason)
    words = models.TextField(max_length=1000, blank=True, default="")
    reporter_key = models.CharField(
        max_length=64, help_text="Account, or hash of the network address.", editable=False
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    decision = models.CharField(max_length=10, choices=Decision, blank=True, default="")
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(reason__in=["offensive", "person", "rights", "other"]),
                name="retrieval_scenereport_reason_known",
            ),
            models.CheckConstraint(
                condition=Q(decision="", decided_at__isnull=True)
                | Q(decision__in=["hidden", "kept"], decided_at__isnull=False),
                name="retrieval_scenereport_decided_has_time",
            ),
            models.UniqueConstraint(
                fields=["scene", "reporter_key"],
                condition=Q(decision=""),
                name="retrieval_scenereport_open_once",
            ),
        ]
        indexes = [
            models.Index(fields=["reporter_key", "created_at"], name="retrieval_scenereport_rate"),
        ]

    def __str__(self) -> str:
        return f"{self.reason}: scene {self.scene_id}"
