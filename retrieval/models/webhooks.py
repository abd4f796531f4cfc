"""Models of webhooks and of the messages to them."""

from __future__ import annotations

import uuid
from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey
from retrieval.models.clips import SHA256_PATTERN

MOST_DELIVERY_ATTEMPTS: Final = 11


class WebhookEvent(models.TextChoices):
    """What a webhook can be told."""

    SCENE_DONE = "scene.done", _("A photo has its recordings")
    SCENE_FAILED = "scene.failed", _("No recordings could be found for a photo")
    IMPORT_DONE = "import.done", _("An import of recordings is done")
    IMPORT_FAILED = "import.failed", _("An import of recordings has failed")


TEST_EVENT: Final = "webhook.test"
"""Sent on request, to webhooks of any events."""


class DisabledReason(models.TextChoices):
    """Why nothing is sent to a webhook."""

    BY_OWNER = "by_owner", _("Its owner switched it off")
    GONE = "gone", _("The receiver answered 410")
    SECRET_LOST = "secret_lost", _("The site's secret key was replaced")


class DeliveryState(models.TextChoices):
    """State of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Webhook(models.Model):
    """An address to which a key's owner wants messages about what has finished.

    Its secret is not stored: it is derived from the site's secret key and `salt`, so a copy of the
    database lets nobody sign messages. `secret_digest` (SHA-256) tells which of the site's secret
    keys, the present one or a former one, it was derived from.
    """

    api_key = models.ForeignKey(
        ApiKey, on_delete=models.CASCADE, related_name="webhooks", db_index=False
    )
    url = models.CharField(max_length=500)
    events = ArrayField(models.CharField(max_length=20, choices=WebhookEvent))
    salt = models.CharField(max_length=64, editable=False)
    secret_digest = models.CharField(max_length=64, editable=False)
    disabled_reason = models.CharField(
        max_length=12, choices=DisabledReason, blank=True, default="", editable=False
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["api_key", "url"], name="retrieval_webhook_once"),
            models.CheckConstraint(
                condition=Q(url__startswith="https://"), name="retrieval_webhook_https"
            ),
            models.CheckConstraint(
                condition=Q(events__contained_by=WebhookEvent.values) & Q(events__len__gte=1),
                name="retrieval_webhook_events_known",
            ),
            models.CheckConstraint(
                condition=Q(disabled_reason__in=["", *DisabledReason.values]),
                name="retrieval_webhook_reason_known",
            ),
            models.CheckConstraint(
                condition=Q(salt__regex=r"^[0-9a-f]{32,}$")
                & Q(secret_digest__regex=SHA256_PATTERN),  # a pattern
                name="retrieval_webhook_has_secret",
            ),
        ]

    def __str__(self) -> str:
        return f"webhook {self.pk} of key {self.api_key_id}"

    @property
    def active(self) -> bool:
        """Whether messages are sent to it."""
        return not self.disabled_reason


class WebhookDelivery(models.Model):
    """One message to one webhook, which a sender delivers: the row is the outbox.

    `lease_owner` and `lease_expires_at` tell that a sender works on it. `log` has an object for
    each attempt that ended: `at`, `status`, `error`, `duration_ms`.
    """

    webhook = models.ForeignKey(
        Webhook, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    message_id = models.UUIDField(
        default=uuid.uuid4, editable=False, help_text="The same when it is sent again."
    )
    event = models.CharField(max_length=20)
    payload = models.TextField(help_text="What is sent, byte for byte.")
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True, db_default=Now())
    lease_owner = models.UUIDField(null=True, blank=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    attempted_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_status = models.PositiveSmallIntegerField(null=True, blank=True)
    last_error = models.CharField(max_length=32, blank=True, default="")
    log = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=DeliveryState.values),
                name="retrieval_webhookdelivery_state_known",
            ),
            models.CheckConstraint(
                condition=Q(event__in=[*WebhookEvent.values, TEST_EVENT]),
                name="retrieval_webhookdelivery_event_known",
            ),
            models.CheckConstraint(
                condition=Q(attempts__lte=MOST_DELIVERY_ATTEMPTS),
                name="retrieval_webhookdelivery_attempts_bounded",
            ),
            models.CheckConstraint(
                condition=Q(state=DeliveryState.PENDING, next_attempt_at__isnull=False)
                | (~Q(state=DeliveryState.PENDING) & Q(next_attempt_at__isnull=True)),
                name="retrieval_webhookdelivery_pending_has_next",
            ),
            models.CheckConstraint(
                condition=Q(state=DeliveryState.DELIVERED, delivered_at__isnull=False)
                | (~Q(state=DeliveryState.DELIVERED) & Q(delivered_at__isnull=True)),
                name="retrieval_webhookdelivery_delivered_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(state=DeliveryState.FAILED) | ~Q(last_error=""),
                name="retrieval_webhookdelivery_failed_has_error",
            ),
            models.CheckConstraint(
                condition=Q(lease_owner__isnull=True, lease_expires_at__isnull=True)
                | Q(
                    state=DeliveryState.PENDING,
                    lease_owner__isnull=False,
                    lease_expires_at__isnull=False,
                ),
                name="retrieval_webhookdelivery_lease_whole",
            ),
        ]
        indexes = [
            models.Index(fields=["webhook", "-created_at", "-id"], name="retrieval_delivery_log"),
            models.Index(fields=["created_at"], name="retrieval_delivery_age"),
            models.Index(
                fields=["next_attempt_at", "id"],
                name="retrieval_delivery_due",
                condition=Q(state=DeliveryState.PENDING),
            ),
            models.Index(
                fields=["lease_expires_at"],
                name="retrieval_delivery_leased",
                condition=Q(lease_owner__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} to webhook {self.webhook_id} ({self.state})"
