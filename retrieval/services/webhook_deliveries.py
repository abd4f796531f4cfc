"""Claim messages to webhooks, and record how their delivery went.

A sender holds a message by a lease on the database's clock. If it dies, the message is due again
when the lease ends: a receiver gets each message at least once, and knows repetitions by their id.
"""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Now

from retrieval.models import (
    MOST_DELIVERY_ATTEMPTS,
    DeliveryState,
    DisabledReason,
    Webhook,
    WebhookDelivery,
)
from retrieval.services.webhook_secrets import secret_of
from retrieval.services.webhooks import disable_webhook
from retrieval.webhooks.sending import DEADLINE_S, Outcome

logger = logging.getLogger(__name__)

PAUSES: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (10, 30, 120, 600, 1800, 3600, 7200, 14_400, 21_600, 28_800)
)
"""Between the attempts: nearly 22 hours, with jitter at most 24."""

JITTER: Final = 0.1
LEASE: Final = timedelta(seconds=DEADLINE_S + 50)
"""Longer than an attempt takes, and than its sender needs to record it."""

KEPT_FOR: Final = timedelta(days=30)
_GIVEN_UP_AFTER: Final = timedelta(hours=25)
_MOST_AT_ONCE_TO_A_WEBHOOK: Final = 2
_MOST_AT_ONCE_OF_A_USER: Final = 4
_MANY_AT_ONCE: Final = 16
"""Half of what a sender does at once; beyond it each user has one attempt at a time."""


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """One attempt at one message."""

    pk: int
    holder: uuid.UUID
    webhook_id: int
    url: str
    message_id: str
    body: bytes
    secret: bytes


def claim_delivery() -> ClaimedDelivery | None:
    """Claim the message that has been due longest, and count the attempt; None if none is due.

    Messages of webhooks that are switched off, or whose key has ended, wait. So do those of a
    webhook or user that has its share of attempts in progress, so that receivers that hang leave
    room for others.
    """
    while True:
        with transaction.atomic():
            delivery = _next_due()
            if delivery is None:
                return None
            secret = secret_of(webhook=delivery.webhook)
            if secret is not None:
                return _claim(delivery, secret)
        logger.error("%s needs a former SECRET_KEY: switched off", delivery.webhook)
        disable_webhook(webhook=delivery.webhook, reason=DisabledReason.SECRET_LOST)


@transaction.atomic
def record_attempt(
    *,
    claimed: ClaimedDelivery,
    outcome: Outcome,
    jitter: Callable[[float, float], float] = random.uniform,
) -> bool:
    """Record how an attempt ended; return False if another sender has taken over the message."""
    if outcome.error == "gone":  # locked before its messages, as by a deletion
        Webhook.objects.select_for_update(no_key=True).filter(pk=claimed.webhook_id).first()
    delivery = (
        WebhookDelivery.objects.select_for_update(of=("self",))
        .select_related("webhook")
        .filter(pk=claimed.pk, lease_owner=claimed.holder)
        .first()
    )
    if delivery is None:
        logger.warning("delivery %s was taken over or deleted", claimed.pk)
        return False
    delivery.log.append(_entry(delivery, outcome.error, outcome.status, outcome.duration_ms))
    delivery.last_status, delivery.last_error = outcome.status, outcome.error
    delivery.lease_owner, delivery.lease_expires_at = None, None
    _continue(delivery, outcome, jitter)
    delivery.save(
        update_fields=[
            "log", "last_status", "last_error", "lease_owner", "lease_expires_at",
            "state", "next_attempt_at", "delivered_at",
        ]
    )  # fmt: skip
    logger.info(
        "delivery %s to webhook %s, attempt %d: %s",
        delivery.pk, delivery.webhook_id, delivery.attempts, outcome.error or "delivered",
    )  # fmt: skip
    return True


@transaction.atomic
def give_up_old_deliveries() -> int:
    """Fail messages that were not delivered within a day; return how many.

    One that nobody has tried to deliver waits on: no sender ran.
    """
    tried = Q(attempts__gt=0) | ~Q(webhook__in=_listening())
    old = Q(created_at__lt=Now() - _GIVEN_UP_AFTER) & tried
    used_up = Q(attempts__gte=MOST_DELIVERY_ATTEMPTS)
    pending = WebhookDelivery.objects.filter(_unleased(), state=DeliveryState.PENDING)
    return pending.filter(old | used_up).update(
        state=DeliveryState.FAILED,
        next_attempt_at=None,
        lease_owner=None,
        lease_expires_at=None,
        last_error="expired",
    )


def oldest_due_age() -> timedelta | None:
    """Return how long the first message that a sender could deliver now has been due."""
    due = _due().order_by("next_attempt_at").annotate(age=Now() - F("next_attempt_at"))
    return due.values_list("age", flat=True).first()


def forget_old_deliveries() -> int:
    """Delete messages of more than `KEPT_FOR` ago; return how many."""
    return WebhookDelivery.objects.filter(created_at__lt=Now() - KEPT_FOR).delete()[0]


def _next_due() -> WebhookDelivery | None:
    due = _due().exclude(webhook__in=_busy_webhooks())
    locked = due.select_for_update(skip_locked=True, of=("self",)).select_related("webhook")
    return locked.order_by("next_attempt_at", "pk").first()


def _due() -> QuerySet[WebhookDelivery]:
    return WebhookDelivery.objects.filter(
        _unleased(),
        state=DeliveryState.PENDING,
        next_attempt_at__lte=Now(),
        attempts__lt=MOST_DELIVERY_ATTEMPTS,
        webhook__in=_listening(),
    )


def _listening() -> QuerySet[Webhook]:
    """Return the webhooks that messages are sent to."""
    return Webhook.objects.filter(
        disabled_reason="",
        api_key__revoked_at__isnull=True,
        api_key__expiry__gt=Now(),
        api_key__user__is_active=True,
    )


def _busy_webhooks() -> list[int]:
    """Return the webhooks that must wait for attempts in progress.

    Two senders that claim at the same time can each exceed the numbers by one.
    """
    in_progress = WebhookDelivery.objects.filter(
        lease_owner__isnull=False, lease_expires_at__gte=Now()
    )
    of_a_user = 1 if in_progress.count() >= _MANY_AT_ONCE else _MOST_AT_ONCE_OF_A_USER
    users = (
        in_progress.values("webhook__api_key__user")
        .annotate(attempts_now=Count("pk"))
        .filter(attempts_now__gte=of_a_user)
        .values_list("webhook__api_key__user", flat=True)
    )
    webhooks = (
        in_progress.values("webhook")
        .annotate(attempts_now=Count("pk"))
        .filter(attempts_now__gte=_MOST_AT_ONCE_TO_A_WEBHOOK)
        .values_list("webhook", flat=True)
    )
    busy = Q(pk__in=list(webhooks)) | Q(api_key__user__in=list(users))
    return list(Webhook.objects.filter(busy).values_list("pk", flat=True))


def _claim(delivery: WebhookDelivery, secret: bytes) -> ClaimedDelivery:
    log = delivery.log
    if delivery.lease_owner is not None:  # its sender died
        log = [*log, _entry(delivery, "interrupted")]
    holder = uuid.uuid4()
    WebhookDelivery.objects.filter(pk=delivery.pk).update(
        attempts=F("attempts") + 1,
        lease_owner=holder,
        lease_expires_at=Now() + LEASE,
        attempted_at=Now(),
        log=log,
    )
    return ClaimedDelivery(
        pk=delivery.pk,
        holder=holder,
        webhook_id=delivery.webhook_id,
        url=delivery.webhook.url,
        message_id=str(delivery.message_id),
        body=delivery.payload.encode(),
        secret=secret,
    )


def _continue(
    delivery: WebhookDelivery, outcome: Outcome, jitter: Callable[[float, float], float]
) -> None:
    """Set what follows an attempt."""
    if outcome.delivered:
        _end(delivery, DeliveryState.DELIVERED, delivered_at=Now())
    elif outcome.error == "gone":
        _end(delivery, DeliveryState.FAILED)
        disable_webhook(webhook=delivery.webhook, reason=DisabledReason.GONE)
    elif delivery.attempts > len(PAUSES):
        _end(delivery, DeliveryState.FAILED)
    else:
        pause = PAUSES[delivery.attempts - 1] * jitter(1 - JITTER, 1 + JITTER)
        delivery.next_attempt_at = Now() + pause


def _end(delivery: WebhookDelivery, state: DeliveryState, **fields: Any) -> None:
    delivery.state, delivery.next_attempt_at = state, None
    for name, value in fields.items():
        setattr(delivery, name, value)


def _entry(
    delivery: WebhookDelivery, error: str, status: int | None = None, duration_ms: int | None = None
) -> dict[str, Any]:
    at = delivery.attempted_at
    return {
        "at": at.isoformat().replace("+00:00", "Z") if at else None,
        "status": status,
        "error": error,
        "duration_ms": duration_ms,
    }


def _unleased() -> Q:
    return Q(lease_owner__isnull=True) | Q(lease_expires_at__lt=Now())
