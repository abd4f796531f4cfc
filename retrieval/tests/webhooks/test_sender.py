"""The loop that delivers, from a row to real HTTPS servers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.models.functions import Now

from accounts.tests.races import at_once
from retrieval.management.commands import send_webhooks
from retrieval.models import DeliveryState, WebhookDelivery
from retrieval.services.webhook_deliveries import PAUSES, claim_delivery
from retrieval.services.webhook_sender import WebhookSender
from retrieval.services.webhooks import send_test
from retrieval.tests.webhooks.receivers import HOST, OK, PUBLIC, PretendedNetwork, answer


@pytest.fixture
def make_sender(network, trust):
    senders = []

    def make(**options):
        senders.append(WebhookSender(network=network, trust=trust, **options))
        return senders[-1]

    yield make
    for sender in senders:
        sender.close()


@pytest.fixture
def sender(make_sender):
    return make_sender(at_once=8)


def deliver(sender):
    """Run rounds until nothing is due."""
    while sender.round(wait_s=10):
        pass


def make_due():
    past = Now() - timedelta(seconds=1)
    WebhookDelivery.objects.filter(state="pending").update(next_attempt_at=past)


def signature(secret, headers, body):
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def test_a_message_is_delivered_with_a_signature_over_its_bytes(sender, receiver, webhook, keys):
    delivery = send_test(webhook=webhook)
    deliver(sender)
    headers, body = receiver.requests[0]
    assert body == delivery.payload.encode()
    assert headers["webhook-id"] == str(delivery.message_id)
    assert headers["content-type"] == "application/json"
    assert headers["webhook-signature"] == signature(keys.secrets[webhook.pk], headers, body)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.last_status) == (DeliveryState.DELIVERED, 204)
    assert len(receiver.requests) == 1


def test_a_backlog_is_delivered_in_rounds(sender, receiver, webhook):
    for _ in range(7):
        send_test(webhook=webhook)
    deliver(sender)
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 7
    assert len(receiver.requests) == 7


def test_a_receiver_that_answers_500_for_an_hour_gets_the_message_after_it(
    sender, receiver, webhook
):
    delivery = send_test(webhook=webhook)
    passed = timedelta(0)  # by the schedule

    def respond(wire):
        wire.sendall(answer(500) if passed < timedelta(hours=1) else OK)

    receiver.respond = respond
    for pause in PAUSES:
        deliver(sender)
        delivery.refresh_from_db()
        if delivery.state == DeliveryState.DELIVERED:
            break
        passed += pause
        make_due()
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 7)
    assert [entry["status"] for entry in delivery.log] == [500] * 6 + [204]
    assert len({(headers["webhook-id"], body) for headers, body in receiver.requests}) == 1


def test_redirects_and_names_that_lead_inside_reach_nothing_there(
    sender, receiver, webhook, network, make_receiver
):
    inside = make_receiver(None)
    where = f"Location: http://127.0.0.1:{inside.port}/"
    receiver.respond = lambda wire: wire.sendall(answer(302, where))
    network.names[HOST] = [[PUBLIC], ["127.0.0.1"]]
    delivery = send_test(webhook=webhook)
    for _ in range(2):
        deliver(sender)
        make_due()
    delivery.refresh_from_db()
    errors = [entry["error"] for entry in delivery.log]
    assert errors == ["redirect_refused", "address_refused"]
    assert inside.connections == 0
    assert network.connections == [PUBLIC]


def test_a_hanging_receiver_delays_nobody_else(
    make_sender, receiver, make_receiver, webhook, keys, network
):
    receiver.respond = lambda wire: receiver.ended.wait(60)
    for _ in range(20):
        send_test(webhook=webhook)
    brisk = make_receiver("brisk.example.org")
    network.names["brisk.example.org"] = [["1.1.1.1"]]
    network.servers["1.1.1.1"] = brisk.port
    other = keys.webhook(keys.key("bob"), url="https://brisk.example.org/")
    delivery = send_test(webhook=other)
    sender = make_sender(at_once=8, deadline_s=60)
    for _ in range(20):
        sender.round(wait_s=5)
        delivery.refresh_from_db()
        if delivery.state == DeliveryState.DELIVERED:
            break
    assert delivery.state == DeliveryState.DELIVERED
    assert WebhookDelivery.objects.filter(lease_owner__isnull=False).count() == 2
    receiver.close()
    sender.finish()
    assert not WebhookDelivery.objects.filter(lease_owner__isnull=False).exists()


def test_a_killed_senders_message_is_delivered_after_its_lease(sender, receiver, webhook):
    delivery = send_test(webhook=webhook)
    assert claim_delivery() is not None  # and is never heard of again
    make_due()
    deliver(sender)
    assert receiver.requests == []
    WebhookDelivery.objects.update(lease_expires_at=Now() - timedelta(seconds=1))
    deliver(sender)
    delivery.refresh_from_db()
    assert (delivery.state, len(receiver.requests)) == (DeliveryState.DELIVERED, 1)


def test_a_fault_of_our_own_is_an_attempt_that_failed(sender, webhook, monkeypatch, caplog):
    monkeypatch.setattr(
        PretendedNetwork, "resolve", lambda *_, **__: (_ for _ in ()).throw(ValueError("a bug"))
    )
    delivery = send_test(webhook=webhook)
    deliver(sender)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.last_error) == (DeliveryState.PENDING, "internal_error")
    assert "a bug" in caplog.text


def test_logs_name_neither_address_nor_secret(sender, receiver, webhook, keys, caplog):
    caplog.set_level("DEBUG", logger="retrieval")
    send_test(webhook=webhook)
    deliver(sender)
    assert f"webhook {webhook.pk}" in caplog.text
    secret = base64.b64encode(keys.secrets[webhook.pk]).decode()
    assert not [text for text in (HOST, "/hook", secret) if text in caplog.text]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_senders_deliver_each_message_once(make_sender, receiver, keys):
    webhooks = [keys.webhook(keys.key(name)) for name in ("ada", "bob", "eve")]
    wanted = {str(send_test(webhook=one).message_id) for one in webhooks for _ in range(8)}
    errors = at_once(*(partial(deliver_all, make_sender(at_once=4)) for _ in range(2)))
    assert errors == [None, None]
    got = [headers["webhook-id"] for headers, _ in receiver.requests]
    assert sorted(got) == sorted(wanted)
    states = WebhookDelivery.objects.values_list("state", "attempts")
    assert set(states) == {(DeliveryState.DELIVERED, 1)}


def deliver_all(sender):
    """Run rounds until nothing waits, also for the other sender."""
    while WebhookDelivery.objects.filter(state="pending").exists():
        sender.round(wait_s=1)


@pytest.fixture
def signals():
    """Restore the handlers that the command sets."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def rounds(monkeypatch):
    """What the command's sender does instead of rounds, one after the other."""
    done: list[Callable[[], bool]] = []

    def play(self, *, wait_s):
        return done.pop(0)()

    monkeypatch.setattr(WebhookSender, "round", play)
    monkeypatch.setattr(send_webhooks, "_TRY_AGAIN_AFTER_S", 0)
    monkeypatch.setattr(send_webhooks, "_LOOK_EVERY_S", 0)
    monkeypatch.setattr(connection, "close", lambda: None)  # the test's transaction goes on
    return done


def test_the_command_ends_when_nothing_is_due(db, signals):
    call_command("send_webhooks", once=True)


def test_the_command_outlives_an_outage_of_the_database(signals, rounds, caplog):
    def fail():
        raise DatabaseError("away")

    rounds += [fail, lambda: True, lambda: False]
    call_command("send_webhooks", once=True)
    assert rounds == []
    assert "will try again" in caplog.text


def test_the_command_ends_although_the_last_attempts_cannot_be_recorded(
    signals, rounds, monkeypatch, caplog
):
    def fail(self):
        raise DatabaseError("away")

    monkeypatch.setattr(WebhookSender, "finish", fail)
    rounds += [lambda: False]
    call_command("send_webhooks", once=True)
    assert "made again" in caplog.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_command_after_the_attempts_in_progress(
    signals, rounds, monkeypatch, number
):
    finished = []
    monkeypatch.setattr(WebhookSender, "finish", lambda self: finished.append(True))

    def interrupted():
        os.kill(os.getpid(), number)
        return True

    rounds += [lambda: False, interrupted]
    call_command("send_webhooks")
    assert (finished, rounds) == ([True], [])
