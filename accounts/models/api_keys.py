"""Models of the API's keys and of the requests that a key may repeat."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from knox.models import AbstractAuthToken
from knox.settings import CONSTANTS

from accounts.scopes import Scope


class ApiKey(AbstractAuthToken):
    """A key with which programs of a user sign in; only hashes of it are stored.

    `token_key` is its visible beginning. After a rotation the previous secret works until
    `previous_until`.
    """

    objects: ClassVar[models.Manager[ApiKey]] = models.Manager()

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=CONSTANTS.DIGEST_LENGTH, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=100)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope), verbose_name=_("scopes"))
    previous_digest = models.CharField(
        max_length=CONSTANTS.DIGEST_LENGTH, blank=True, default="", editable=False
    )
    previous_until = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_from = models.CharField(
        max_length=64, blank=True, default="", editable=False, help_text="Network, not address."
    )
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "name"],
                condition=Q(revoked_at__isnull=True),
                name="accounts_apikey_name_once",
                violation_error_message=_("You have a key of this name. Choose another one."),
            ),
            models.CheckConstraint(
                condition=Q(scopes__contained_by=Scope.values) & Q(scopes__len__gte=1),
                name="accounts_apikey_scopes_known",
                violation_error_message=_("Choose at least one scope."),
            ),
            models.CheckConstraint(
                condition=Q(expiry__isnull=False) & Q(expiry__gt=F("created")),
                name="accounts_apikey_expires",
            ),
            models.CheckConstraint(
                condition=Q(previous_digest="", previous_until__isnull=True)
                | (~Q(previous_digest="") & Q(previous_until__isnull=False)),
                name="accounts_apikey_previous_ends",
            ),
        ]
        indexes = [
            models.Index(
                fields=["previous_digest"],
                name="accounts_apikey_previous",
                condition=~Q(previous_digest=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.token_key}…)"


class IdempotentRequest(models.Model):
    """A request with an Idempotency-Key, and its answer once there is one.

    While it is in flight, `holder` and `lease_ends_at` tell who works on it, so that a request
    whose process died can be taken over.
    """

    api_key = models.ForeignKey(
        ApiKey, on_delete=models.CASCADE, related_name="idempotent_requests", db_index=False
    )
    idempotency_key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of what was asked for.")
    holder = models.UUIDField(default=uuid.uuid4)
    lease_ends_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    headers = models.JSONField(default=dict, blank=True)
    body = models.JSONField(null=True, blank=True)
    subjects = ArrayField(
        models.CharField(max_length=100),
        default=list,
        db_default=Value([], ArrayField(models.CharField(max_length=100))),
        blank=True,
        help_text="What the answer tells of, such as scene 3; it is emptied when that is deleted.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["api_key", "idempotency_key"], name="accounts_idempotentrequest_once"
            ),
            models.CheckConstraint(
                condition=~Q(idempotency_key=""), name="accounts_idempotentrequest_has_key"
            ),
        ]
        indexes = [
            models.Index(fields=["created_at"], name="accounts_idempotent_age"),
            GinIndex(fields=["subjects"], name="accounts_idempotent_subjects"),
        ]

    def __str__(self) -> str:
        return f"{self.idempotency_key} of key {self.api_key_id}"
