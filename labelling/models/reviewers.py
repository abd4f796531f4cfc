"""Models of reviewers and of their admission to campaigns."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from labelling.models.campaigns import Campaign


class Reviewer(models.Model):
    """Somebody who grades; remains without a name when the account is erased.

    Locking this row serialises everything that one reviewer does.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="reviewer"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return str(self.user) if self.user else f"reviewer {self.pk}"


class Admission(models.Model):
    """A lead's decision that a reviewer may grade although the qualification was not passed."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="admissions")
    reviewer = models.ForeignKey(Reviewer, on_delete=models.PROTECT, related_name="admissions")
    lead = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "reviewer"], name="labelling_admission_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reviewer} to {self.campaign}"
