"""No one-time token and no key of the API reaches the log."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.utils.module_loading import import_string

from accounts.views import invitations
from soundscape_site.web.secret_paths import SecretPathFilter

TOKEN = "S3cret-S3cret_S3cret-S3cret_S3cr"
KEY = "snd_" + "0123456789abcdef" * 4


@pytest.fixture
def log(monkeypatch):
    """Log through the filters of the site's handler; return what was logged.

    Without `dictConfig`, which closes the handlers of pytest.
    """
    site: Any = settings.LOGGING
    handler = logging.StreamHandler(io.StringIO())
    for name in site["handlers"]["stderr"]["filters"]:
        handler.addFilter(import_string(site["filters"][name]["()"])())
    monkeypatch.setattr(logging.root, "handlers", [*logging.root.handlers, handler])
    return handler.stream.getvalue


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "status", "logged"),
    [
        ("get", 404, "Not Found: /invitations/[token]/"),
        ("post", 405, "Method Not Allowed (POST): /invitations/[token]/"),
        ("get", 503, "Service Unavailable: /invitations/[token]/"),
    ],
)
def test_a_failed_request_is_logged_without_its_token(
    client, log, monkeypatch, method, status, logged
):
    def down(_):
        raise OperationalError("the connection is lost")

    if status == 503:
        monkeypatch.setattr(invitations, "invitation_by_token", down)
    answer = getattr(client, method)(f"/invitations/{TOKEN}/")
    assert answer.status_code == status
    text = log()
    assert logged in text
    assert TOKEN not in text


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/v1/nothing/{}", "/{}/", "/accounts/login/{}?key={}"])
def test_a_key_in_an_address_is_not_logged(client, log, path):
    assert client.get(path.format(KEY, KEY)).status_code == 404
    assert "snd_0123456789a[key]" in log()
    assert KEY not in log()


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (f"Gone: /accounts/confirm-email/MQ:1w:{TOKEN}/", "Gone: /accounts/confirm-email/[token]/"),
        (f"/accounts/password/reset/key/1-{TOKEN}/", "/accounts/password/reset/key/[token]/"),
        ("Gone: /people/invitations/7/again/", "Gone: /people/invitations/7/again/"),
        (f"a {KEY}, a {KEY[:24]}", "a snd_0123456789a[key], a snd_0123456789a[key]"),
        (f"/invitations/{KEY}/", "/invitations/[token]/"),
        (f"key {KEY[:15]}…", f"key {KEY[:15]}…"),
        ("100 % done", "100 % done"),
    ],
)
def test_which_addresses_hold_tokens(message, expected):
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "%s", (message,), None)
    assert SecretPathFilter().filter(record)
    assert record.getMessage() == expected
