"""Queries on webhooks and on the messages to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.db.models import F, QuerySet

from retrieval.models import Webhook, WebhookDelivery


def webhooks_of_key(key_id: int) -> QuerySet[Webhook]:
    """Return a key's webhooks."""
    return Webhook.objects.filter(api_key_id=key_id)


def webhook_of_key(key_id: int, webhook_id: int) -> Webhook | None:
    """Return a webhook, if it is this key's."""
    return webhooks_of_key(key_id).filter(pk=webhook_id).first()


def deliveries_of(webhook: Webhook) -> QuerySet[WebhookDelivery]:
    """Return the log of a webhook."""
    return WebhookDelivery.objects.filter(webhook=webhook)


def delivery_of(webhook: Webhook, delivery_id: int) -> WebhookDelivery | None:
    """Return an entry of a webhook's log."""
    return deliveries_of(webhook).filter(pk=delivery_id).first()


def webhook_data(user_id: int) -> Iterator[Mapping[str, object]]:
    """Yield the webhooks of a person's keys, without what their secrets are made from."""
    webhooks = Webhook.objects.filter(api_key__user=user_id).order_by("pk")
    names = ("url", "events", "disabled_reason", "created_at")
    yield from webhooks.values(*names, key=F("api_key__name"))
