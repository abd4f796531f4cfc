"""Model of an invitation."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.roles import Role

SHA256_PATTERN = r"^[0-9a-f]{64}$"


OPEN = Q(accepted_at__isnull=True, revoked_at__isnull=True)
"""Neither accepted nor revoked; it may have expired."""


class Invitation(models.Model):
    """A one-time link that gives roles; only the hash of its token is stored.

    An invitation goes to an e-mail address. The one without an address makes the first operator;
    its token is printed on the terminal.
    """

    token_sha256 = models.CharField(max_length=64, unique=True, editable=False)
    email = models.EmailField(blank=True, default="")
    roles = ArrayField(models.CharField(max_length=20, choices=Role))
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="invitations_sent",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="invitations_accepted",
    )
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(token_sha256__regex=SHA256_PATTERN), name="accounts_invitation_hashed"
            ),
            models.CheckConstraint(
                condition=Q(roles__contained_by=Role.values) & Q(roles__len__gt=0),
                name="accounts_invitation_roles_known",
            ),
            models.CheckConstraint(
                condition=~Q(email="") | Q(roles=[Role.OPERATOR]),
                name="accounts_invitation_has_address",
            ),
            models.CheckConstraint(
                condition=Q(accepted_by__isnull=True) | Q(accepted_at__isnull=False),
                name="accounts_invitation_accepted_has_time",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="accounts_invitation_expires"
            ),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True) | Q(revoked_at__isnull=True),
                name="accounts_invitation_accepted_or_revoked",
            ),
            models.UniqueConstraint(
                fields=["email"], condition=OPEN, name="accounts_invitation_one_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email or 'first operator'}: {', '.join(self.roles)}"
