"""Webhooks through the API."""

from __future__ import annotations

import base64
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client

from accounts.models import ApiKey, AuditEntry, IdempotentRequest
from accounts.roles import Role
from accounts.services.api_keys import make_key
from accounts.tests.races import at_once
from accounts.tests.role_holders import make_person
from retrieval.api import webhooks
from retrieval.models import Webhook, WebhookDelivery
from retrieval.services.webhook_deliveries import claim_delivery, record_attempt
from retrieval.services.webhook_secrets import secret_of
from retrieval.services.webhooks import MOST_WAITING, MOST_WEBHOOKS, _checked
from retrieval.tests.webhooks.receivers import PretendedNetwork
from retrieval.webhooks.sending import Outcome

LIST = "/api/v1/webhooks"
URL = "https://hooks.example.org/hook"


@pytest.fixture(autouse=True)
def network(monkeypatch):
    pretended = PretendedNetwork()
    pretended.names = {
        "hooks.example.org": [["93.184.215.14"]],
        "localtest.me": [["127.0.0.1"]],
        "metadata.google.internal": [["169.254.169.254"]],
        "rebound.example": [["93.184.215.14"], ["10.0.0.1"]],
        "nowhere.example": [[]],
    }
    monkeypatch.setattr(webhooks._WebhookView, "network", pretended)
    return pretended


class Program:
    """A program with a key."""

    def __init__(self, secret):
        self._client = Client(headers={"Authorization": f"Bearer {secret}"})

    def __call__(self, method, path, body=None, **headers):
        sent = "" if body is None else json.dumps(body)
        return self._client.generic(
            method, path, sent, content_type="application/json", headers=headers
        )

    def make(self, url=URL, events=("scene.done",), **headers):
        return self("POST", LIST, {"url": url, "events": list(events)}, **headers)


@pytest.fixture
def make_program(db):
    def make(name, *roles, scopes=("scenes:write",)):
        user = make_person(name, *roles)
        _, secret = make_key(
            user_id=user.pk, name="test", scopes=scopes, valid_for=timedelta(days=1)
        )
        return Program(secret)

    return make


@pytest.fixture
def program(make_program):
    return make_program("ada")


@pytest.fixture
def webhook(program):
    assert program.make().status_code == 201
    return Webhook.objects.get()


def claimed():
    found = claim_delivery()
    assert found is not None
    return found


def code(answer):
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def test_a_webhook_is_made_and_shows_its_secret_once(program):
    made = program.make(events=["scene.failed", "scene.done", "scene.done"])
    webhook = Webhook.objects.get()
    content = made.json()
    assert (made.status_code, made["Location"]) == (201, f"{LIST}/{webhook.pk}")
    secret = content.pop("secret")
    assert base64.b64decode(secret.removeprefix("whsec_")) == secret_of(webhook=webhook)
    assert content == {
        "id": webhook.pk, "url": URL, "events": ["scene.done", "scene.failed"], "active": True,
        "disabled_reason": "", "created_at": webhook.created_at.isoformat().replace("+00:00", "Z"),
    }  # fmt: skip
    assert program("GET", f"{LIST}/{webhook.pk}").json() == content
    assert program("GET", LIST).json() == {"results": [content], "next": None}


def test_a_repeated_request_makes_one_webhook_and_stores_no_secret(program):
    header = {"Idempotency-Key": "once"}
    first, second = program.make(**header), program.make(**header)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second["Idempotent-Replayed"] == "true"
    assert first.json() == second.json()
    assert Webhook.objects.count() == 1
    secret = first.json()["secret"]
    assert secret.startswith("whsec_")
    assert secret not in json.dumps(IdempotentRequest.objects.get().body)


def test_names_are_looked_up_outside_of_the_transaction(program, network, monkeypatch):
    depths: list[int] = []
    network.names["new.example"] = [["1.1.1.1"]]
    resolve = network.resolve

    def look_up(*args, **given):
        depths.append(len(connection.savepoint_ids))
        return resolve(*args, **given)

    monkeypatch.setattr(network, "resolve", look_up)
    program.make()
    program.make(url="https://new.example/", **{"Idempotency-Key": "a"})
    assert depths[0] == depths[1]


def test_a_repeated_request_needs_no_name_server(program, network):
    header = {"Idempotency-Key": "once"}
    first = program.make(**header)
    network.names["hooks.example.org"] = [[]]
    again = program.make(**header)
    assert (again.status_code, again.json()) == (201, first.json())


def test_a_repeated_request_after_the_deletion_makes_no_webhook(program):
    header = {"Idempotency-Key": "once"}
    made = program.make(**header).json()
    assert program("DELETE", f"{LIST}/{made['id']}").status_code == 204
    assert code(program.make(**header)) == (410, "gone")
    assert not Webhook.objects.exists()
    assert IdempotentRequest.objects.get().body is None


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1", "https://127.0.0.1/", "https://[::1]/", "https://0/", "https://0x7f.1/",
        "https://2130706433/", "https://127.1/", "https://localtest.me/",
        "https://169.254.169.254/", "https://metadata.google.internal/", "https://[fd00::1]/",
        "https://100.64.0.1/", "https://[::ffff:10.0.0.1]/", "file:///etc/passwd",
        "gopher://hooks.example.org/", "data:text/plain,x", "ftp://hooks.example.org/",
        "http://a@b", "https://a@hooks.example.org/", "https://hooks.example.org/\r\nX-Evil: 1",
        "https://hooks.example.org:22/", "https://hooks.example.org:6379/",
        "http://hooks.example.org/", "https://hooks.example.org/#x", "https://nowhere.example/",
        "hooks.example.org", "https://",
    ],
)  # fmt: skip
def test_addresses_that_lead_elsewhere_are_refused(program, url):
    answer = program.make(url)
    assert code(answer) == (400, "url_not_allowed")
    assert answer.json()["detail"]
    assert not Webhook.objects.exists()


def test_a_scheme_in_capitals_is_kept_in_small_letters(program, webhook):
    made = program.make("HTTPS://hooks.example.org/Hook")
    assert (made.status_code, made.json()["url"]) == (201, "https://hooks.example.org/Hook")
    changed = program("PATCH", f"{LIST}/{webhook.pk}", {"url": "Https://hooks.example.org/b"})
    assert (changed.status_code, changed.json()["url"]) == (200, "https://hooks.example.org/b")
    assert code(program.make("HTTPS://hooks.example.org/b")) == (409, "webhook_exists")


def test_a_name_server_that_hangs_is_no_verdict_on_the_address(program, network, monkeypatch):
    def hang(*_, **__):
        raise TimeoutError

    monkeypatch.setattr(network, "resolve", hang)
    answer = program.make(**{"Idempotency-Key": "a"})
    assert code(answer) == (503, "names_unavailable")
    assert answer["Retry-After"] == "5"
    monkeypatch.undo()
    monkeypatch.setattr(webhooks._WebhookView, "network", network)
    assert program.make(**{"Idempotency-Key": "a"}).status_code == 201


def test_few_threads_wait_for_name_servers(program, network, settings, monkeypatch):
    """Otherwise one key and a name server that hangs would take all threads of the site."""
    seats, asked, answered = settings.SOUNDSCAPE_WEB_THREADS // 4, [], threading.Event()
    resolve = network.resolve

    def wait(*given, **limits):
        asked.append(given)
        assert answered.wait(10)
        return resolve(*given, **limits)

    monkeypatch.setattr(network, "resolve", wait)
    with ThreadPoolExecutor(seats) as pool:
        others = [pool.submit(_checked, URL, network) for _ in range(seats)]
        while len(asked) < seats:
            time.sleep(0.01)
        refused = program.make()
        answered.set()
        assert [other.result() for other in others] == [URL] * seats
    assert code(refused) == (503, "names_unavailable")
    assert program.make().status_code == 201


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, "required"),
        ({"url": URL}, "required"),
        ({"url": URL, "events": []}, "min_length"),
        ({"url": URL, "events": ["scene.seen"]}, "invalid_choice"),
        ({"url": URL, "events": ["webhook.test"]}, "invalid_choice"),
        ({"url": URL, "events": "scene.done"}, "not_a_list"),
        ({"url": ["https://a.example/"], "events": ["scene.done"]}, "invalid"),
        ({"url": "https://a.example/" + "a" * 500, "events": ["scene.done"]}, "max_length"),
        ({"url": "https://a.example/\0", "events": ["scene.done"]}, "invalid_characters"),
        ({"url": "https://a.example/\ud800", "events": ["scene.done"]}, "invalid_characters"),
        ({"url": URL, "events": ["scene.done"], "secret": "whsec_eA=="}, "unknown_field"),
        ([], "invalid"),
    ],
)
def test_faulty_bodies_are_refused(program, body, expected):
    answer = program("POST", LIST, body)
    assert answer.status_code == 400
    problem = answer.json()
    assert problem["code"] in {expected, "invalid"}
    # JSON that cannot be read has no fields to name.
    assert expected in {problem["code"], *(error["code"] for error in problem.get("errors", []))}
    assert not Webhook.objects.exists()


def test_an_address_is_taken_once_by_a_key(program, webhook, make_program):
    assert code(program.make()) == (409, "webhook_exists")
    assert make_program("bob").make().status_code == 201


def test_a_key_has_at_most_ten_webhooks(program):
    for number in range(MOST_WEBHOOKS):
        assert program.make(f"{URL}/{number}").status_code == 201
    assert code(program.make()) == (409, "too_many_webhooks")
    first = Webhook.objects.order_by("pk")[0]
    assert program("DELETE", f"{LIST}/{first.pk}").status_code == 204
    assert program.make().status_code == 201


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_the_limit_holds_for_requests_at_once(program):
    for number in range(MOST_WEBHOOKS - 1):
        program.make(f"{URL}/{number}")
    answers = []
    calls = [lambda n=n: answers.append(program.make(f"{URL}/x{n}").status_code) for n in range(4)]
    assert at_once(*calls) == [None] * 4
    assert sorted(answers) == [201, 409, 409, 409]


def test_events_need_the_scope_that_may_read_them(make_program):
    reader = make_program("eve", scopes=("clips:read",))
    assert code(reader.make()) == (403, "scope_missing")
    assert reader("GET", LIST).status_code == 200
    librarian = make_program("lib", Role.LIBRARIAN, scopes=("clips:write",))
    assert librarian.make(events=["import.done", "import.failed"]).status_code == 201
    where = f"{LIST}/{Webhook.objects.get().pk}"
    assert code(librarian("PATCH", where, {"events": ["scene.done"]})) == (403, "scope_missing")


def test_a_webhook_is_changed(program, webhook, network):
    network.names["new.example"] = [["1.1.1.1"]]
    where, secret = f"{LIST}/{webhook.pk}", secret_of(webhook=webhook)
    changes = {"url": "https://new.example/", "events": ["scene.failed"], "active": False}
    answer = program("PATCH", where, changes)
    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in changes} == changes
    assert answer.json()["disabled_reason"] == "by_owner"
    webhook.refresh_from_db()
    assert secret_of(webhook=webhook) == secret
    answer = program("PATCH", where, {"active": True}).json()
    assert (answer["active"], answer["disabled_reason"]) == (True, "")
    assert answer["url"] == "https://new.example/"
    written = AuditEntry.objects.count()
    assert program("PATCH", where, {}).json() == answer
    assert AuditEntry.objects.count() == written


def test_a_changed_address_is_checked_as_a_new_one(program, webhook):
    where = f"{LIST}/{webhook.pk}"
    for url in ("https://localtest.me/", "http://hooks.example.org/", "https://127.0.0.1/"):
        assert code(program("PATCH", where, {"url": url})) == (400, "url_not_allowed")
    other = program.make(f"{URL}/2").json()
    assert code(program("PATCH", where, {"url": other["url"]})) == (409, "webhook_exists")
    assert program("PATCH", where, {"url": URL}).status_code == 200  # its own
    webhook.refresh_from_db()
    assert webhook.url == URL


def test_a_test_message_is_stored_for_the_sender(program, webhook):
    answer = program("POST", f"{LIST}/{webhook.pk}/test")
    delivery = WebhookDelivery.objects.get()
    assert answer.status_code == 202
    content = answer.json()
    assert (content["event"], content["state"]) == ("webhook.test", "pending")
    assert (content["id"], content["attempts"]) == (delivery.pk, [])
    assert json.loads(content["payload"])["type"] == "webhook.test"
    assert claimed().pk == delivery.pk


def test_the_log_shows_attempts_and_a_message_can_be_sent_again(program, webhook):
    program("POST", f"{LIST}/{webhook.pk}/test")
    record_attempt(claimed=claimed(), outcome=Outcome(410, "gone", 7))
    log = program("GET", f"{LIST}/{webhook.pk}/deliveries").json()["results"]
    assert (log[0]["state"], log[0]["next_attempt_at"]) == ("failed", None)
    attempt = log[0]["attempts"][0]
    assert attempt.pop("at").endswith("Z")
    assert attempt == {"status": 410, "error": "gone", "duration_ms": 7}
    replay = f"{LIST}/{webhook.pk}/deliveries/{log[0]['id']}/replay"
    assert code(program("POST", replay)) == (409, "webhook_inactive")
    assert code(program("POST", f"{LIST}/{webhook.pk}/test")) == (409, "webhook_inactive")
    program("PATCH", f"{LIST}/{webhook.pk}", {"active": True})
    again = program("POST", replay)
    assert (again.status_code, again.json()["state"]) == (202, "pending")
    same = ("message_id", "payload", "event")
    assert [again.json()[name] for name in same] == [log[0][name] for name in same]
    assert again.json()["id"] != log[0]["id"]
    assert claimed().message_id == log[0]["message_id"]


def test_the_log_has_pages(program, webhook):
    for _ in range(5):
        program("POST", f"{LIST}/{webhook.pk}/test")
    seen, address = [], f"{LIST}/{webhook.pk}/deliveries?page_size=2"
    while address:
        page = program("GET", address).json()
        seen += [row["id"] for row in page["results"]]
        address = page["next"]
    stored = WebhookDelivery.objects.order_by("-created_at", "-pk").values_list("pk", flat=True)
    assert seen == list(stored)


def test_messages_on_request_are_few_while_others_wait(program, webhook):
    where = f"{LIST}/{webhook.pk}"
    first = program("POST", f"{where}/test").json()
    text = {"webhook": webhook, "event": "webhook.test", "payload": "{}"}
    WebhookDelivery.objects.bulk_create(WebhookDelivery(**text) for _ in range(MOST_WAITING - 1))
    replay = f"{where}/deliveries/{first['id']}/replay"
    for path in (f"{where}/test", replay):
        assert code(program("POST", path)) == (409, "too_many_waiting")
    record_attempt(claimed=claimed(), outcome=Outcome(204, "", 1))
    assert program("POST", replay).status_code == 202


def test_a_webhook_without_its_secret_is_not_switched_on(program, webhook, settings):
    settings.SECRET_KEY = "another" * 10
    where = f"{LIST}/{webhook.pk}"
    assert program("PATCH", where, {"active": False}).status_code == 200
    assert code(program("PATCH", where, {"active": True})) == (409, "secret_lost")
    assert not program("GET", where).json()["active"]


def test_test_and_replay_are_done_once_for_an_idempotency_key(program, webhook):
    where = f"{LIST}/{webhook.pk}"
    first, second = (program("POST", f"{where}/test", **{"Idempotency-Key": "t"}) for _ in "ab")
    assert first.json() == second.json()
    replay = f"{where}/deliveries/{first.json()['id']}/replay"
    for _ in range(2):
        assert program("POST", replay, **{"Idempotency-Key": "r"}).status_code == 202
    assert WebhookDelivery.objects.count() == 2


def test_others_webhooks_do_not_exist(program, webhook, make_program):
    program("POST", f"{LIST}/{webhook.pk}/test")
    log = f"{LIST}/{webhook.pk}/deliveries"
    delivery = WebhookDelivery.objects.get()
    stranger = make_program("bob")
    own = stranger.make().json()["id"]
    for method, path, body in (
        ("GET", f"{LIST}/{webhook.pk}", None),
        ("PATCH", f"{LIST}/{webhook.pk}", {"active": False}),
        ("DELETE", f"{LIST}/{webhook.pk}", None),
        ("POST", f"{LIST}/{webhook.pk}/test", None),
        ("GET", log, None),
        ("POST", f"{log}/{delivery.pk}/replay", None),
        ("POST", f"{LIST}/{own}/deliveries/{delivery.pk}/replay", None),
        ("GET", f"{LIST}/{10**30}", None),
        ("POST", f"{LIST}/{own}/deliveries/{10**30}/replay", None),
    ):
        assert code(stranger(method, path, body)) == (404, "not_found"), path
    assert program("GET", f"{LIST}/{webhook.pk}").json()["active"]
    assert [row["id"] for row in stranger("GET", LIST).json()["results"]] == [own]
    assert WebhookDelivery.objects.count() == 1


def test_another_key_of_the_same_person_has_its_own_webhooks(program, webhook):
    user_id = ApiKey.objects.get().user_id
    _, secret = make_key(
        user_id=user_id, name="second", scopes=["scenes:write"], valid_for=timedelta(days=1)
    )
    assert code(Program(secret)("GET", f"{LIST}/{webhook.pk}")) == (404, "not_found")


def test_no_key_no_webhooks(webhook):
    assert code(Client().get(LIST)) == (401, "key_missing")
    assert code(Client().get(f"{LIST}/{webhook.pk}")) == (401, "key_missing")


def test_acts_are_in_the_audit_log_without_the_address(program, webhook):
    where = f"{LIST}/{webhook.pk}"
    program("PATCH", where, {"active": False})
    program("DELETE", where)
    entries = AuditEntry.objects.filter(subject=f"webhook {webhook.pk}").order_by("at")
    key = ApiKey.objects.get()
    assert [(entry.action, entry.detail, entry.actor_id) for entry in entries] == [
        ("webhook.made", {"key": key.pk, "host": "hooks.example.org", "events": ["scene.done"]},
         key.user_id),
        ("webhook.changed", {"key": key.pk, "active": False}, key.user_id),
        ("webhook.deleted", {"key": key.pk, "host": "hooks.example.org"}, key.user_id),
    ]  # fmt: skip
