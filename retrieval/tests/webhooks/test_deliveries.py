"""Claims of messages, and what follows an attempt."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import ApiKey, AuditEntry
from retrieval.management.commands import sweep
from retrieval.models import (
    MOST_DELIVERY_ATTEMPTS,
    DeliveryState,
    DisabledReason,
    Webhook,
    WebhookDelivery,
)
from retrieval.services.webhook_deliveries import (
    JITTER,
    KEPT_FOR,
    PAUSES,
    claim_delivery,
    forget_old_deliveries,
    give_up_old_deliveries,
    record_attempt,
)
from retrieval.services.webhook_sender import AT_ONCE
from retrieval.services.webhooks import send_test
from retrieval.webhooks.sending import Outcome

DELIVERED = Outcome(204, "", 12)
REFUSED = Outcome(500, "refused", 34)
A_DAY = timedelta(days=1)


@pytest.fixture
def delivery(webhook):
    return send_test(webhook=webhook)


def no_jitter(low, high):
    return 1.0


def claimed():
    found = claim_delivery()
    assert found is not None
    return found


def make_due(**fields):
    WebhookDelivery.objects.filter(state=DeliveryState.PENDING).update(
        next_attempt_at=Now() - timedelta(seconds=1), **fields
    )


def left(delivery):
    """Return the time until the next attempt, by the database's clock."""
    waits = F("next_attempt_at") - Now()
    return WebhookDelivery.objects.annotate(waits=waits).get(pk=delivery.pk).waits


def test_a_message_is_claimed_once_and_ends_delivered(delivery, webhook, keys):
    held = claimed()
    assert (held.pk, held.url, held.body) == (delivery.pk, webhook.url, delivery.payload.encode())
    assert held.secret == keys.secrets[webhook.pk]
    assert claim_delivery() is None
    assert record_attempt(claimed=held, outcome=DELIVERED)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 1)
    assert (delivery.lease_owner, delivery.next_attempt_at) == (None, None)
    assert delivery.delivered_at is not None
    at = delivery.attempted_at.isoformat().replace("+00:00", "Z")
    assert delivery.log == [{"at": at, "status": 204, "error": "", "duration_ms": 12}]
    assert claim_delivery() is None


def test_failed_attempts_are_repeated_for_a_day(delivery):
    waited = timedelta(0)
    for number, pause in enumerate(PAUSES, start=1):
        assert record_attempt(claimed=claimed(), outcome=REFUSED, jitter=no_jitter)
        assert claim_delivery() is None
        assert pause - timedelta(minutes=1) < left(delivery) <= pause
        waited += pause
        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, number)
        make_due()
    record_attempt(claimed=claimed(), outcome=REFUSED, jitter=no_jitter)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == (DeliveryState.FAILED, MOST_DELIVERY_ATTEMPTS)
    assert (delivery.last_status, delivery.last_error) == (500, "refused")
    assert len(delivery.log) == MOST_DELIVERY_ATTEMPTS
    assert waited > 0.9 * A_DAY
    assert waited * (1 + JITTER) < A_DAY


def test_pauses_are_jittered(delivery):
    def longest(low, high):
        assert (low, high) == (1 - JITTER, 1 + JITTER)
        return high

    record_attempt(claimed=claimed(), outcome=REFUSED, jitter=longest)
    assert left(delivery) > PAUSES[0]


def test_a_dead_senders_message_is_taken_up_after_its_lease(delivery):
    dead = claimed()
    make_due()
    assert claim_delivery() is None
    make_due(lease_expires_at=Now() - timedelta(seconds=1))
    again = claimed()
    assert (again.pk, again.message_id) == (dead.pk, dead.message_id)
    assert not record_attempt(claimed=dead, outcome=REFUSED)
    assert record_attempt(claimed=again, outcome=DELIVERED)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 2)
    assert [entry["error"] for entry in delivery.log] == ["interrupted", ""]


def test_a_receiver_that_is_gone_switches_the_webhook_off(delivery, webhook):
    send_test(webhook=webhook)
    record_attempt(claimed=claimed(), outcome=Outcome(410, "gone", 5))
    delivery.refresh_from_db()
    webhook.refresh_from_db()
    assert (delivery.state, webhook.disabled_reason) == (DeliveryState.FAILED, DisabledReason.GONE)
    assert claim_delivery() is None
    entry = AuditEntry.objects.get(action="webhook.disabled")
    assert (entry.subject, entry.detail) == (f"webhook {webhook.pk}", {"reason": "gone"})


@pytest.mark.parametrize("ended", ["webhook", "key revoked", "key expired", "account"])
def test_nothing_is_sent_for_what_has_ended(delivery, webhook, key, ended):
    now = timezone.now()
    if ended == "webhook":
        Webhook.objects.update(disabled_reason=DisabledReason.BY_OWNER)
    elif ended == "key revoked":
        ApiKey.objects.update(revoked_at=now)
    elif ended == "key expired":
        ApiKey.objects.update(created=now - 2 * A_DAY, expiry=now - A_DAY)
    else:
        key.user.is_active = False
        key.user.save()
    assert claim_delivery() is None


def test_a_webhook_and_a_user_have_their_shares_of_attempts(keys, key, webhook):
    others = [keys.webhook(key, url=f"https://hooks.example.org/{n}") for n in range(3)]
    stranger = keys.webhook(keys.key("bob"))
    for target in (webhook, *others):
        for _ in range(5):
            send_test(webhook=target)
    send_test(webhook=stranger)
    held = []
    while (found := claim_delivery()) is not None:
        held.append(found)
    mine = [one.webhook_id for one in held if one.webhook_id != stranger.pk]
    assert len(mine) == 4
    assert max(map(mine.count, mine)) == 2
    assert [one.webhook_id for one in held if one.webhook_id == stranger.pk] == [stranger.pk]
    record_attempt(claimed=held[0], outcome=DELIVERED)
    assert claimed().webhook_id == held[0].webhook_id


def test_eight_accounts_cannot_take_all_of_a_sender(keys):
    for number in range(8):
        key = keys.key(f"mallory{number}")
        for url in ("https://a.example.org/", "https://b.example.org/"):
            webhook = keys.webhook(key, url=url)
            for _ in range(3):
                send_test(webhook=webhook)
    make_due()
    held = []
    while (found := claim_delivery()) is not None:
        held.append(found)
    assert 16 <= len(held) < AT_ONCE
    waiting = keys.webhook(keys.key("bob"))
    send_test(webhook=waiting)
    assert claimed().webhook_id == waiting.pk


def test_the_longest_due_message_is_first(webhook):
    first, second = send_test(webhook=webhook), send_test(webhook=webhook)
    WebhookDelivery.objects.filter(pk=first.pk).update(next_attempt_at=Now())
    WebhookDelivery.objects.filter(pk=second.pk).update(next_attempt_at=Now() - A_DAY)
    assert claimed().pk == second.pk


def test_the_database_holds_no_secret(webhook, delivery, keys):
    secret = keys.secrets[webhook.pk]
    with connection.cursor() as cursor:
        cursor.execute("SELECT w::text FROM retrieval_webhook w")
        stored = cursor.fetchone()[0]
    for form in (secret.hex(), base64.b64encode(secret).decode(), str(secret)):
        assert form not in stored
    assert hashlib.sha256(secret).hexdigest() in stored  # proves nothing to a receiver


def test_a_secret_survives_the_replacement_of_the_sites_key(delivery, webhook, keys, settings):
    settings.SECRET_KEY_FALLBACKS = ["an older one", settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 10
    assert claimed().secret == keys.secrets[webhook.pk]


def test_a_webhook_without_its_secret_is_switched_off(delivery, webhook, keys, settings):
    other = keys.webhook(keys.key("bob"))
    settings.SECRET_KEY = "another" * 10
    renewed = keys.webhook(keys.key("eve"))
    wanted = send_test(webhook=renewed)
    send_test(webhook=other)
    assert claimed().pk == wanted.pk
    assert claim_delivery() is None
    assert set(Webhook.objects.values_list("pk", "disabled_reason")) == {
        (webhook.pk, "secret_lost"), (other.pk, "secret_lost"), (renewed.pk, ""),
    }  # fmt: skip


def test_messages_are_given_up_after_a_day(delivery, webhook):
    recent = send_test(webhook=webhook)
    sending = send_test(webhook=webhook)
    old = WebhookDelivery.objects.filter(pk__in=[delivery.pk, sending.pk])
    old.update(created_at=Now() - timedelta(hours=26), attempts=1)
    WebhookDelivery.objects.filter(pk=sending.pk).update(next_attempt_at=Now() - A_DAY)
    assert claimed().pk == sending.pk
    assert give_up_old_deliveries() == 1
    states = dict(WebhookDelivery.objects.values_list("pk", "state"))
    assert states == {delivery.pk: "failed", recent.pk: "pending", sending.pk: "pending"}
    assert WebhookDelivery.objects.get(pk=delivery.pk).last_error == "expired"


def test_messages_that_no_sender_has_tried_wait_on(delivery, webhook):
    WebhookDelivery.objects.update(created_at=Now() - timedelta(days=3))
    assert give_up_old_deliveries() == 0
    Webhook.objects.update(disabled_reason="by_owner")
    assert give_up_old_deliveries() == 1


def test_a_message_whose_last_sender_died_is_given_up(delivery):
    make_due(attempts=MOST_DELIVERY_ATTEMPTS - 1)
    claimed()
    make_due(lease_expires_at=Now() - timedelta(seconds=1))
    assert claim_delivery() is None
    assert give_up_old_deliveries() == 1


def test_old_messages_are_deleted(delivery, webhook):
    recent = send_test(webhook=webhook)
    WebhookDelivery.objects.filter(pk=delivery.pk).update(created_at=Now() - KEPT_FOR - A_DAY)
    WebhookDelivery.objects.filter(pk=recent.pk).update(created_at=Now() - KEPT_FOR + A_DAY)
    assert forget_old_deliveries() == 1
    assert WebhookDelivery.objects.get() == recent


@pytest.fixture
def sweep_round(monkeypatch):
    """A round of the sweeper, without a broker; its lock is released afterwards."""
    monkeypatch.setattr(sweep, "wake_overdue", lambda: 0)
    monkeypatch.setattr(sweep, "submit_missing_profiles", lambda: 0)
    yield sweep.Command()._round
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock_all()")


def test_the_sweeper_gives_up_and_deletes_messages(delivery, webhook, sweep_round):
    ages = (KEPT_FOR + A_DAY, timedelta(hours=26), timedelta(hours=1))
    _, late, recent = messages = [delivery, send_test(webhook=webhook), send_test(webhook=webhook)]
    for message, age in zip(messages, ages, strict=True):
        WebhookDelivery.objects.filter(pk=message.pk).update(created_at=Now() - age, attempts=1)
    sweep_round()
    states = dict(WebhookDelivery.objects.values_list("pk", "state"))
    assert states == {late.pk: "failed", recent.pk: "pending"}


@pytest.mark.parametrize(("minutes", "warns"), [(9, False), (11, True)])
def test_the_sweeper_warns_of_messages_that_nobody_sends(
    delivery, sweep_round, caplog, minutes, warns
):
    WebhookDelivery.objects.update(next_attempt_at=Now() - timedelta(minutes=minutes))
    sweep_round()
    assert ("send_webhooks" in caplog.text) == warns
    Webhook.objects.update(disabled_reason="by_owner")  # then it waits for its owner
    caplog.clear()
    sweep_round()
    assert "send_webhooks" not in caplog.text
