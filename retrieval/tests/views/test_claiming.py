"""The uploads of a browser become those of the account that it logs in to."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, User
from retrieval.models import Scene
from retrieval.services.claiming import claim_scenes
from retrieval.services.erasure import delete_account, request_erasure
from retrieval.tests.photos import png
from retrieval.views import ownership

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return User.objects.create_user("ada")


def owners():
    return list(
        Scene.objects.order_by("created_at", "pk").values_list("owner__username", flat=True)
    )


def upload_cookies(client):
    return [
        name
        for name, morsel in client.cookies.items()
        if name.startswith("uploads-") and morsel.value
    ]


def in_the_same_browser(client):
    other_tab = Client()
    other_tab.cookies = client.cookies
    return other_tab


def in_a_copy_of(client):
    """Return a client with the cookies of now; later answers to either change only its own."""
    copy = Client()
    copy.cookies.update(client.cookies)
    return copy


def test_the_first_page_after_the_log_in_claims_once(client, send, ada):
    send(client, 1)
    send(client, 2)
    client.force_login(ada)
    assert owners() == [None, None]
    shown = client.get("/me/photos/")
    assert owners() == ["ada", "ada"]
    assert shown.content.decode().count('class="photos__one"') == 2
    client.get("/me/photos/")
    entry = AuditEntry.objects.get(action="scenes.claimed")
    assert (entry.actor_id, entry.subject, entry.detail) == (
        ada.pk,
        f"user {ada.pk}",
        {"scenes": 2},
    )
    assert "scenes" not in client.session
    assert upload_cookies(client) == []


def test_nobody_elses_photos_are_claimed(client, send, ada):
    send(Client(), 1)
    bob = Client()
    bob.force_login(User.objects.create_user("bob"))
    send(bob, 2)
    send(client, 3)
    client.force_login(ada)
    client.get("/")
    assert sorted(map(str, owners())) == ["None", "ada", "bob"]


def test_a_forged_cookie_claims_nothing(client, send, ada):
    scene = send(Client())
    client.force_login(ada)
    client.cookies[f"uploads-{scene.pk.hex}"] = f"{scene.pk}:forged"
    client.get("/")
    assert owners() == [None]


def test_what_was_sent_before_is_claimed_once_and_later_uploads_belong_at_once(client, send, ada):
    client.force_login(ada)
    send(client)
    assert owners() == ["ada"]
    assert not AuditEntry.objects.filter(action="scenes.claimed").exists()


@pytest.mark.parametrize("logged_in", [False, True])
def test_requests_without_uploads_ask_nothing(client, ada, logged_in):
    if logged_in:
        client.force_login(ada)
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/me/").status_code == 302  # a page that asks nothing itself
    assert list(queries) == []


def test_a_log_in_while_a_photo_is_decoded(client, send, ada, while_decoding):
    send(client, 1)  # this browser has a session
    before = client.session.session_key

    def log_in():
        other_tab = in_the_same_browser(client)
        other_tab.force_login(ada)
        other_tab.get("/")

    while_decoding(log_in)
    late = send(client, 2)
    assert not Session.objects.filter(pk=before).exists()
    assert client.get("/").wsgi_request.user == ada  # still logged in
    late.refresh_from_db()
    assert owners() == ["ada", "ada"]


def test_a_log_in_that_read_the_session_before_the_upload_wrote_it(client, send, ada, monkeypatch):
    send(client, 1)
    other_tab = in_the_same_browser(client)
    request = other_tab.get("/").wsgi_request
    request.session.get("scenes")  # as a log-in that is checking the password
    late = send(client, 2)
    assert len(client.session["scenes"]) == 2
    monkeypatch.setattr(Client, "session", property(lambda _: request.session))
    other_tab.force_login(ada)
    assert len(request.session["scenes"]) == 1
    other_tab.get("/")
    late.refresh_from_db()
    assert owners() == ["ada", "ada"]


def test_two_uploads_overlap_a_log_in(client, send, ada, while_decoding):
    send(client, 1)
    slow = in_a_copy_of(client)  # it sends the cookies of before the log-in and the other upload

    def other_tab_uploads():
        while_decoding(lambda: client.force_login(ada))
        send(client, 2)

    while_decoding(other_tab_uploads)
    answered = slow.post("/scenes/", {"photo": png(3)})
    client.cookies.update(answered.cookies)
    client.get("/")
    assert owners() == ["ada", "ada", "ada"]


def test_a_claim_keeps_the_cookie_of_an_upload_that_ended_after_it(
    client, send, ada, while_decoding
):
    send(client, 1)
    claiming = in_a_copy_of(client)

    def log_in_and_read_pages():
        claiming.force_login(ada)
        claiming.get("/")

    while_decoding(log_in_and_read_pages)
    send(client, 2)
    client.cookies.update(claiming.cookies)  # the answers arrive in the other order
    client.get("/")
    assert owners() == ["ada", "ada"]


def test_a_new_upload_drops_the_oldest_cookies(client, monkeypatch):
    monkeypatch.setattr(ownership, "_MOST_COOKIES", 3)
    sent = {"Cookie": "uploads-d=1; uploads-b=1; uploads-c=1; uploads-a=1"}  # the oldest first
    answer = client.post("/scenes/", {"photo": png()}, headers=sent)
    dropped = {name for name, morsel in answer.cookies.items() if not morsel.value}
    assert dropped == {"uploads-d", "uploads-b"}


def test_a_log_out_while_a_photo_is_decoded(client, send, while_decoding):
    send(client, 1)
    while_decoding(in_the_same_browser(client).session.flush)
    late = send(client, 2)
    assert client.post(f"/scenes/{late.pk}/delete/").status_code == 303


def test_an_upload_by_htmx_while_logging_in_is_answered(client, send, ada, while_decoding):
    send(client, 1)
    while_decoding(lambda: in_the_same_browser(client).force_login(ada))
    answer = client.post("/scenes/", {"photo": png(2)}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    client.get("/")
    assert owners() == ["ada", "ada"]


def test_after_a_failure_the_next_request_claims(client, send, ada, monkeypatch):
    send(client)
    client.force_login(ada)

    def failing(**_):
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as patched:
        patched.setattr(ownership, "claim_scenes", failing)
        client.raise_request_exception = False
        answer = client.get("/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    client.get("/")
    assert owners() == ["ada"]


@pytest.mark.parametrize(
    "end", [delete_account, lambda user_id: request_erasure(user_id=user_id, actor_id=None)]
)
def test_an_account_that_ends_meanwhile_claims_nothing(client, send, ada, monkeypatch, end):
    send(client)
    client.force_login(ada)
    claim = claim_scenes

    def ended(**arguments):
        end(user_id=ada.pk)
        return claim(**arguments)

    monkeypatch.setattr(ownership, "claim_scenes", ended)
    assert client.get("/").status_code == 200
    assert owners() == [None]
