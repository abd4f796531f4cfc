"""Make, change and delete webhooks; send test messages, and messages again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from threading import BoundedSemaphore
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import ApiKey
from accounts.scopes import Scope
from accounts.services.audit import record
from accounts.services.idempotency import forget_answers
from retrieval.models import (
    TEST_EVENT,
    DeliveryState,
    DisabledReason,
    Webhook,
    WebhookDelivery,
    WebhookEvent,
)
from retrieval.services.webhook_secrets import give_secret, secret_of
from retrieval.webhooks.addresses import public_addresses, receiver_at
from retrieval.webhooks.network import Network
from retrieval.webhooks.payloads import payload

MOST_WEBHOOKS: Final = 10
MOST_WAITING: Final = 100
"""Messages of a webhook that wait, beyond which none is sent on request."""

SCOPE_OF_EVENT: Final[dict[str, Scope]] = {
    WebhookEvent.SCENE_DONE: Scope.SCENES_WRITE,
    WebhookEvent.SCENE_FAILED: Scope.SCENES_WRITE,
    WebhookEvent.IMPORT_DONE: Scope.CLIPS_WRITE,
    WebhookEvent.IMPORT_FAILED: Scope.CLIPS_WRITE,
}
"""The scope that may read what an event tells of: whoever has a photo's id can see the photo."""


class WebhookError(Exception):
    """The request was refused; nothing was changed."""

    code = "webhook_refused"


class TooManyWebhooksError(WebhookError):
    """The key has `MOST_WEBHOOKS` webhooks."""

    code = "too_many_webhooks"


class WebhookExistsError(WebhookError):
    """The key has a webhook with this address."""

    code = "webhook_exists"


class WebhookInactiveError(WebhookError):
    """Nothing is sent to this webhook until it is switched on."""

    code = "webhook_inactive"


class TooManyWaitingError(WebhookError):
    """`MOST_WAITING` messages wait for the receiver already."""

    code = "too_many_waiting"


class SecretLostError(WebhookError):
    """The webhook's secret came from a key that the site no longer has."""

    code = "secret_lost"


class NamesUnavailableError(WebhookError):
    """The host's name could not be looked up now."""

    code = "names_unavailable"


class EventScopeError(WebhookError):
    """The key may not read what an event tells of."""

    code = "scope_missing"

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope.value)
        self.scope = scope


@dataclass(frozen=True, slots=True)
class PublicUrl:
    """An address that `public_url` has checked."""

    text: str


def public_url(*, url: str, network: Network) -> PublicUrl:
    """Look an address up, which may take seconds: call it before a transaction.

    Raises
    ------
    UrlNotAllowedError
        If the address is not that of a public HTTPS server.
    NamesUnavailableError
        If that cannot be found out now.
    """
    return PublicUrl(_checked(url, network))


@transaction.atomic
def make_webhook(*, key: ApiKey, url: PublicUrl, events: Iterable[str]) -> tuple[Webhook, bytes]:
    """Make a webhook of a key; return it with its secret.

    Raises
    ------
    EventScopeError, WebhookExistsError, TooManyWebhooksError
    """
    _check_events(key, events)
    _lock(key)
    if Webhook.objects.filter(api_key=key).count() >= MOST_WEBHOOKS:
        raise TooManyWebhooksError(f"key {key.pk} has {MOST_WEBHOOKS} webhooks")
    _check_unused(key, url.text)
    webhook = Webhook(api_key=key, url=url.text, events=sorted(set(events)))
    secret = give_secret(webhook=webhook)
    webhook.save(force_insert=True)
    _record("webhook.made", webhook, key, url=True, events=True)
    webhook.refresh_from_db(fields=["created_at"])
    return webhook, secret


def change_webhook(
    *,
    key: ApiKey,
    webhook: Webhook,
    network: Network,
    url: str | None = None,
    events: Iterable[str] | None = None,
    active: bool | None = None,
) -> Webhook:
    """Change what is given of a webhook; its secret stays.

    Raises what `public_url` and `make_webhook` raise, and SecretLostError. The caller has made
    sure that the webhook is the key's.
    """
    if (url, events, active) == (None, None, None):
        return webhook
    if events is not None:
        _check_events(key, events)
    if url is not None:
        url = _checked(url, network)
    with transaction.atomic():
        _lock(key)
        changed = Webhook.objects.select_for_update().get(pk=webhook.pk)
        if url is not None and url != changed.url:
            _check_unused(key, url)
            changed.url = url
        if events is not None:
            changed.events = sorted(set(events))
        if active and secret_of(webhook=changed) is None:
            raise SecretLostError(f"webhook {changed.pk} needs a former SECRET_KEY")
        if active is not None:
            changed.disabled_reason = "" if active else DisabledReason.BY_OWNER
        changed.save(update_fields=["url", "events", "disabled_reason"])
        _record(
            "webhook.changed", changed, key,
            url=url is not None, events=events is not None, active=active,
        )  # fmt: skip
    return changed


@transaction.atomic
def delete_webhook(*, key: ApiKey, webhook: Webhook) -> None:
    """Delete a webhook with its log; a message that is being sent may still arrive."""
    # Jobs that end now are announced before it, or not at all: see `jobs/announcing`.
    Webhook.objects.select_for_update().filter(pk=webhook.pk).first()
    _record("webhook.deleted", webhook, key, url=True)
    forget_answers(subject=f"webhook {webhook.pk}")
    webhook.delete()


@transaction.atomic
def disable_webhook(*, webhook: Webhook, reason: DisabledReason) -> None:
    """Stop sending to a webhook, for a reason that its owner reads."""
    if Webhook.objects.filter(pk=webhook.pk, disabled_reason="").update(disabled_reason=reason):
        record(
            action="webhook.disabled", subject=f"webhook {webhook.pk}", actor_id=None,
            reason=str(reason),
        )  # fmt: skip


@transaction.atomic
def send_test(*, webhook: Webhook) -> WebhookDelivery:
    """Send a message that tells of nothing.

    Raises
    ------
    WebhookInactiveError, TooManyWaitingError
    """
    _check_ready(webhook)
    text = payload(TEST_EVENT, at=timezone.now(), data={"webhook_id": webhook.pk})
    return _stored(WebhookDelivery(webhook=webhook, event=TEST_EVENT, payload=text))


@transaction.atomic
def send_again(*, webhook: Webhook, delivery: WebhookDelivery) -> WebhookDelivery:
    """Send a message once more, with the same id, by which a receiver knows it.

    Raises
    ------
    WebhookInactiveError, TooManyWaitingError
    """
    _check_ready(webhook)
    return _stored(
        WebhookDelivery(
            webhook=webhook,
            message_id=delivery.message_id,
            event=delivery.event,
            payload=delivery.payload,
        )
    )


def _stored(delivery: WebhookDelivery) -> WebhookDelivery:
    delivery.save(force_insert=True)
    delivery.refresh_from_db()
    return delivery


def _check_events(key: ApiKey, events: Iterable[str]) -> None:
    for event in events:
        if SCOPE_OF_EVENT[event] not in key.scopes:
            raise EventScopeError(SCOPE_OF_EVENT[event])


def _checked(url: str, network: Network) -> str:
    """Return an allowed address, its scheme in small letters.

    Only some of the web server's threads may look up names at once, because name servers that
    somebody has set up can take as long as they are let.
    """
    receiver = receiver_at(url)
    seats = _seats()
    if not seats.acquire(blocking=False):
        raise NamesUnavailableError("too many names are being looked up")
    try:
        public_addresses(receiver, network)
    except TimeoutError as error:
        raise NamesUnavailableError(receiver.host) from error
    finally:
        seats.release()
    return f"https{url[5:]}"


@cache
def _seats() -> BoundedSemaphore:
    return BoundedSemaphore(max(1, settings.SOUNDSCAPE_WEB_THREADS // 4))


def _check_unused(key: ApiKey, url: str) -> None:
    if Webhook.objects.filter(api_key=key, url=url).exists():
        raise WebhookExistsError(f"key {key.pk} has a webhook with this address")


def _check_ready(webhook: Webhook) -> None:
    if not webhook.active:
        raise WebhookInactiveError(f"webhook {webhook.pk} is off: {webhook.disabled_reason}")
    waiting = WebhookDelivery.objects.filter(webhook=webhook, state=DeliveryState.PENDING)
    if waiting.count() >= MOST_WAITING:
        raise TooManyWaitingError(f"webhook {webhook.pk} has {MOST_WAITING} messages waiting")


def _lock(key: ApiKey) -> None:
    """Let requests with one key change its webhooks one after the other."""
    ApiKey.objects.select_for_update(no_key=True).get(pk=key.pk)


def _record(
    action: str,
    webhook: Webhook,
    key: ApiKey,
    *,
    url: bool = False,
    events: bool = False,
    active: bool | None = None,
) -> None:
    """Write the audit log; of the address only the host, because the rest can be a secret."""
    detail: dict[str, object] = {"key": key.pk}
    if url:
        detail["host"] = receiver_at(webhook.url).host
    if events:
        detail["events"] = webhook.events
    if active is not None:
        detail["active"] = active
    record(action=action, subject=f"webhook {webhook.pk}", actor_id=key.user_id, **detail)
