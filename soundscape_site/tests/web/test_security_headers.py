"""Security headers and cookies under production settings, on every route."""

from __future__ import annotations

import runpy
import uuid

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from accounts.tests.people import log_in, make_user
from retrieval.templatetags.players import audio_url
from retrieval.tests.factories import ClipFactory
from retrieval.views import pages
from soundscape_site.settings.paths import BASE_DIR
from soundscape_site.tests.test_settings import PRODUCTION

HOST = PRODUCTION["DJANGO_ALLOWED_HOSTS"]
BY_TLS = {"X-Forwarded-Proto": "https", "Host": HOST}
SAMPLES = {"int": "1", "str": "1", "slug": "none", "uuid": str(uuid.UUID(int=1)), "path": "none"}
OURS = ("SECURE_", "SESSION_", "CSRF_", "X_FRAME_", "CONTENT_SECURITY_")
NAMED = ("ALLOWED_HOSTS", "MIDDLEWARE", "SOUNDSCAPE_VISITOR_COOKIE")
YEAR_S = 31_536_000


@pytest.fixture(autouse=True)
def production(monkeypatch, settings):
    """Take over what production says of the web; its servers stay those of the tests."""
    for name, value in PRODUCTION.items():
        if name != "DJANGO_SETTINGS_MODULE":
            monkeypatch.setenv(name, value)
    module = runpy.run_path(str(BASE_DIR / "soundscape_site" / "settings" / "production.py"))
    taken = {name for name in module if name.startswith(OURS)} | set(NAMED)
    for name in taken:
        setattr(settings, name, module[name])
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = True


@pytest.fixture
def browser():
    return Client(raise_request_exception=False, headers=BY_TLS)


def addresses(patterns, prefix="/"):
    """Yield an address of each route, with sample values for its parameters."""
    for pattern in patterns:
        form = pattern.pattern
        route = getattr(form, "_route", None)
        if route is None:  # a regular expression: the admin's last one
            route = "any"
        for name, converter in form.converters.items():
            kind = type(converter).__name__.removesuffix("Converter").lower()
            label = {"string": "str"}.get(kind, kind)
            route = route.replace(f"<{label}:{name}>", SAMPLES[label])
            route = route.replace(f"<{name}>", SAMPLES[label])
        if isinstance(pattern, URLPattern):
            yield prefix + route
        else:
            yield from addresses(pattern.url_patterns, prefix + route)


def assert_headers(answer):
    if answer.streaming:
        list(answer.streaming_content)  # its end closes the file
    where = answer.request["PATH_INFO"]
    policy = {
        name: values
        for name, _, values in (
            part.strip().partition(" ") for part in answer["Content-Security-Policy"].split(";")
        )
    }
    none = ("default-src", "base-uri", "frame-ancestors")
    assert {policy[name] for name in none} == {"'none'"}, where
    assert policy.get("object-src", "'none'") == "'none'", where  # else default-src holds
    assert "unsafe" not in answer["Content-Security-Policy"], where
    age, *more = answer["Strict-Transport-Security"].split("; ")
    assert int(age.removeprefix("max-age=")) >= YEAR_S, where
    assert more == ["includeSubDomains", "preload"], where
    assert answer["X-Content-Type-Options"] == "nosniff", where
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin", where
    assert answer["Referrer-Policy"] == "same-origin", where


@pytest.mark.django_db
def test_every_route_has_every_header(browser):
    routes = list(addresses(get_resolver().url_patterns))
    assert {"/", "/readyz", "/admin/login/", "/clips/1/none/audio"} <= set(routes)
    assert not any("<" in route for route in routes)
    statuses = set()
    for route in routes:
        for method in (browser.get, browser.post):
            answer = method(route)
            statuses.add(answer.status_code)
            assert_headers(answer)
    assert statuses >= {200, 302, 404, 405}
    assert 500 not in statuses


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing-here/", 404),
        ("/healthz", 200),
        ("/static/css/base.css", 200),
        ("/static/css/none.css", 404),
    ],
)
def test_what_is_no_route_has_every_header(browser, path, status):
    answer = browser.get(path)
    assert answer.status_code == status
    assert_headers(answer)


@pytest.mark.django_db
def test_a_recording_has_every_header(browser, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    name = default_storage.save("recordings/1.ogg", ContentFile(b"sound"))
    answer = browser.get(audio_url(ClipFactory()(np.full(7, 1 / 7), original=name)))
    assert answer.status_code == 200
    assert_headers(answer)


@pytest.mark.parametrize("error", [RuntimeError("x"), ConnectionError("x")])
def test_an_error_page_has_every_header(browser, monkeypatch, error):
    browser.get("/nothing-here/")  # loads the views

    def fail():
        raise error

    monkeypatch.setattr(pages, "front_context", fail)
    answer = browser.get("/")
    assert answer.status_code == 500
    assert_headers(answer)


def test_a_foreign_host_is_refused():
    answer = Client(headers=BY_TLS | {"Host": "evil.example"}).get("/")
    assert answer.status_code == 400
    assert_headers(answer)


@pytest.mark.parametrize("path", ["/", "/admin/login/", "/nothing-here/"])
def test_plain_http_is_redirected(path):
    answer = Client(headers={"Host": HOST}).get(path)
    assert (answer.status_code, answer["Location"]) == (301, f"https://{HOST}{path}")
    assert not answer.cookies


@pytest.mark.django_db
def test_cookies_of_a_log_in(browser):
    make_user()
    browser.get(reverse("account_login"))
    answer = log_in(browser)
    assert answer.status_code == 302
    session, token = answer.cookies["__Host-sessionid"], answer.cookies["__Host-csrftoken"]
    for cookie in (session, token):
        assert cookie["secure"]
        assert cookie["samesite"] == "Lax"
        assert (cookie["path"], cookie["domain"]) == ("/", "")
    assert session["httponly"]
    assert session["max-age"] == 14 * 24 * 3600
    assert set(answer.cookies) == {"__Host-sessionid", "__Host-csrftoken"}
