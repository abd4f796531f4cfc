"""Constraints on webhooks and their messages: each test violates one and expects its name."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.services.api_keys import make_key
from accounts.tests.role_holders import make_person
from retrieval.models import MOST_DELIVERY_ATTEMPTS, Webhook, WebhookDelivery

pytestmark = pytest.mark.django_db

NOW = timezone.now()


@pytest.fixture
def key():
    user = make_person("ada")
    return make_key(
        user_id=user.pk, name="k", scopes=["scenes:write"], valid_for=timedelta(days=1)
    )[0]


@pytest.fixture
def make_webhook(key):
    def make(**fields):
        values = {
            "api_key": key, "url": "https://example.org/", "events": ["scene.done"],
            "salt": "0a" * 16, "secret_digest": "0b" * 32,
        }  # fmt: skip
        with transaction.atomic():
            return Webhook.objects.create(**values | fields)

    return make


@pytest.fixture
def make_delivery(make_webhook):
    webhook = make_webhook()

    def make(**fields):
        values = {"webhook": webhook, "event": "scene.done", "payload": "{}"}
        with transaction.atomic():
            return WebhookDelivery.objects.create(**values | fields)

    return make


def refused(name):
    return pytest.raises(IntegrityError, match=f'"retrieval_{name}"')


def test_a_key_has_an_address_once(make_webhook):
    make_webhook()
    with refused("webhook_once"):
        make_webhook(events=["scene.failed"])
    make_webhook(url="https://example.org/other")


def test_addresses_are_https(make_webhook):
    for url in ("http://example.org/", "", "HTTPS://example.org/"):
        with refused("webhook_https"):
            make_webhook(url=url)


def test_events_are_known_and_there_is_one(make_webhook):
    for events in ([], ["scene.done", "scene.seen"], ["webhook.test"]):
        with refused("webhook_events_known"):
            make_webhook(events=events)


def test_a_reason_is_known(make_webhook):
    with refused("webhook_reason_known"):
        make_webhook(disabled_reason="tired")
    make_webhook(disabled_reason="gone")


def test_a_webhook_has_what_its_secret_is_made_from(make_webhook):
    for fields in (
        {"salt": ""},
        {"salt": "0a"},
        {"secret_digest": ""},
        {"secret_digest": "x" * 64},
    ):
        with refused("webhook_has_secret"):
            make_webhook(**fields)


def test_states_and_events_are_known(make_delivery):
    with refused("webhookdelivery_state_known"):
        make_delivery(state="lost", next_attempt_at=None)
    with refused("webhookdelivery_event_known"):
        make_delivery(event="scene.seen")
    make_delivery(event="webhook.test")


def test_attempts_are_bounded(make_delivery):
    make_delivery(attempts=MOST_DELIVERY_ATTEMPTS)
    with refused("webhookdelivery_attempts_bounded"):
        make_delivery(attempts=MOST_DELIVERY_ATTEMPTS + 1)


def test_only_what_is_pending_has_a_next_attempt(make_delivery):
    with refused("webhookdelivery_pending_has_next"):
        make_delivery(next_attempt_at=None)
    with refused("webhookdelivery_pending_has_next"):
        make_delivery(state="failed", last_error="refused", next_attempt_at=NOW)


def test_only_what_is_delivered_has_a_time(make_delivery):
    with refused("webhookdelivery_delivered_has_time"):
        make_delivery(state="delivered", next_attempt_at=None)
    with refused("webhookdelivery_delivered_has_time"):
        make_delivery(delivered_at=NOW)


def test_what_failed_has_a_code(make_delivery):
    with refused("webhookdelivery_failed_has_error"):
        make_delivery(state="failed", next_attempt_at=None)


def test_a_lease_is_whole_and_of_a_pending_message(make_delivery):
    lease = {"lease_owner": uuid.uuid4(), "lease_expires_at": NOW}
    make_delivery(**lease)
    for fields in (
        lease | {"lease_owner": None},
        lease | {"lease_expires_at": None},
        lease | {"state": "delivered", "delivered_at": NOW, "next_attempt_at": None},
    ):
        with refused("webhookdelivery_lease_whole"):
            make_delivery(**fields)


def test_a_key_is_deleted_with_its_webhooks_and_their_messages(make_delivery, key):
    make_delivery()
    key.delete()
    assert not Webhook.objects.exists()
    assert not WebhookDelivery.objects.exists()
