"""Dates, numbers and the page's language follow the browser's; files are the same for everybody."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from django.conf import settings as site_settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.cache import caches
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import FileResponse, Http404
from django.middleware.locale import LocaleMiddleware
from django.test import Client, RequestFactory
from django.utils import translation
from django.utils.translation.trans_real import DjangoTranslation

from retrieval.models import DeletedScene
from retrieval.tests.factories import ClipFactory
from retrieval.views import pages
from soundscape_site.web.error_pages import server_error
from soundscape_site.web.languages import VisitorLanguageMiddleware


@pytest.fixture(autouse=True)
def keep_language():
    with translation.override(site_settings.LANGUAGE_CODE):
        yield


@pytest.fixture
def german(settings) -> None:
    settings.LANGUAGES = [*settings.LANGUAGES, ("de", "German")]


@pytest.fixture
def empty_cache():
    caches["template_fragments"].clear()
    yield
    caches["template_fragments"].clear()


@pytest.fixture
def library(db) -> None:
    ClipFactory()(np.full(7, 1 / 7))


def page(address: str, language: str) -> str:
    answer = Client().get(address, headers={"Accept-Language": language})
    return answer.content.decode()


@pytest.mark.django_db
@pytest.mark.usefixtures("german")
@pytest.mark.parametrize(
    ("language", "date"),
    [
        ("en-GB,en;q=0.9", "5 Nov 2026"),
        ("en-US,en;q=0.9", "Nov. 5, 2026"),
        ("en-AU", "5 Nov 2026"),
        ("en-NZ", "5 Nov 2026"),
        ("en", "5 Nov 2026"),
        ("de-CH,de;q=0.9", "5. November 2026"),
        ("fr", "5 Nov 2026"),
    ],
)
def test_dates_follow_the_visitors_language(language, date):
    deleted = DeletedScene.objects.create(
        pk=uuid.uuid4(), reason=DeletedScene.Reason.VISITOR, at=datetime(2026, 11, 5, tzinfo=UTC)
    )
    assert f"Deleted on {date}<" in page(f"/scenes/{deleted.pk}/", language)


@pytest.mark.usefixtures("library", "german")
def test_numbers_for_people_follow_the_language_and_those_for_scripts_do_not(settings):
    settings.SOUNDSCAPE_MAX_PHOTO_BYTES = 2_500_000
    british, german = page("/", "en-GB"), page("/", "de")
    assert "up to 2.5&nbsp;MB" in british
    assert "up to 2,5&nbsp;MB" in german
    for source in (british, german):
        assert 'data-max-megabytes="2.5"' in source


@pytest.mark.usefixtures("library", "german", "empty_cache")
def test_messages_for_scripts_are_cached_for_each_language(monkeypatch):
    sending = '<template data-words="sending">Sending your photo…</template>'
    assert sending in page("/", "en-GB")
    monkeypatch.setattr(DjangoTranslation, "gettext", lambda _self, text: text.upper())
    assert sending in page("/", "en-GB")
    assert '<template data-words="sending">SENDING YOUR PHOTO…</template>' in page("/", "de")


@pytest.mark.usefixtures("library", "german")
def test_numbers_in_refusals_follow_the_language(settings):
    settings.SOUNDSCAPE_MAX_PHOTO_BYTES = 2_500_000
    answer = Client().post(
        "/scenes/",
        {"photo": SimpleUploadedFile("a.jpg", b"x" * 3_000_000)},
        headers={"Accept-Language": "de", "HX-Request": "true"},
    )
    assert "It has 3,0 MB; the most we take is 2,5 MB." in answer.content.decode()


@pytest.mark.usefixtures("library", "german")
@pytest.mark.parametrize("language", ["en-gb", "en-us", "de"])
def test_a_page_names_its_language_and_what_it_depends_on(language):
    answer = Client().get("/", headers={"Accept-Language": language})
    assert f'<html lang="{language}"' in answer.content.decode()
    assert answer["Content-Language"] == language
    assert "Accept-Language" in answer["Vary"]


@pytest.mark.django_db
@pytest.mark.parametrize("status", [403, 404, 500])
def test_error_pages_name_their_language(monkeypatch, status):
    def fail(*_):
        raise {403: PermissionDenied, 404: Http404, 500: RuntimeError}[status]("x")

    monkeypatch.setattr(pages, "front_context", fail)
    visitor = Client(raise_request_exception=False)
    answer = visitor.get("/", headers={"Accept-Language": "en-US"})
    assert answer.status_code == status
    assert '<html lang="en-us"' in answer.content.decode()


def test_the_page_of_an_internal_error_needs_no_language():
    translation.deactivate()
    source = server_error(RequestFactory().get("/")).content.decode()
    assert '<html lang="en-gb"' in source
    assert "Something broke on our side" in source


@pytest.mark.parametrize("media_type", ["image/jpeg", "audio/ogg", "application/zip"])
def test_files_do_not_depend_on_the_language(media_type):
    def send(_request):
        return FileResponse([b"x"], content_type=media_type)

    answer: Any = VisitorLanguageMiddleware(send)(RequestFactory().get("/"))
    assert not answer.has_header("Vary")
    assert not answer.has_header("Content-Language")


def test_the_language_is_chosen_before_anything_answers():
    order = site_settings.MIDDLEWARE
    chosen_at = order.index("soundscape_site.web.languages.VisitorLanguageMiddleware")
    assert issubclass(VisitorLanguageMiddleware, LocaleMiddleware)
    assert order.index(f"{SessionMiddleware.__module__}.SessionMiddleware") < chosen_at
    for later in ("CommonMiddleware", "CsrfViewMiddleware", "FormGuardMiddleware"):
        assert chosen_at < next(at for at, name in enumerate(order) if name.endswith(later))
