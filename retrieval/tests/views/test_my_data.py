"""My page: the export of a person's data and the erasure of the account."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from accounts.models import User
from accounts.services.erasure import lock_account
from retrieval import tasks
from retrieval.models import DataExport, Scene
from retrieval.selectors.exports import EXPORT_KEPT_FOR, EXPORT_RENEWED_AFTER
from retrieval.services import erasure
from retrieval.services.erasure import delete_account, request_erasure
from retrieval.services.exporting import request_export, run_export
from retrieval.tests.photos import png
from retrieval.tests.views.visitors import ACCOUNT, ANONYMOUS, OPERATOR, OTHER

pytestmark = pytest.mark.django_db

PAGE = "/me/data/"
PASSWORD = "only for tests, by ada"


@pytest.fixture(autouse=True)
def no_worker(monkeypatch, media_root):
    monkeypatch.setattr(tasks.export_data, "delay", lambda _: None)


@pytest.fixture
def make(tmp_path):
    def made(user):
        export = request_export(user_id=user.pk)
        run_export(export_id=export.pk, scratch_directory=tmp_path / "scratch", worker="w")
        return f"{PAGE}export/{export.pk}/file"

    return made


def words(browser, address=PAGE):
    return browser.get(address).content.decode()


def test_from_the_request_to_the_download(visitor, people, make):
    browser = visitor(ACCOUNT)
    assert "Make the file" in words(browser)
    assert browser.post(f"{PAGE}export/")["Location"] == PAGE
    browser.post(f"{PAGE}export/")
    assert DataExport.objects.count() == 1
    for address in (PAGE, f"{PAGE}export/progress/"):
        assert "in the queue" in words(browser, address)
        assert "hx-get" in words(browser, address)
    assert '<meta http-equiv="refresh"' in words(browser)
    address = make(people[ACCOUNT])
    for shown in (words(browser), words(browser, f"{PAGE}export/progress/")):
        assert "Your file is ready." in shown
        assert f'href="{address}"' in shown
        assert "hx-get" not in shown
    answer = browser.get(address)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/zip"
    assert answer["Cache-Control"] == "private, no-store"
    today = f"{timezone.now():%Y-%m-%d}"
    assert answer["Content-Disposition"] == f'attachment; filename="soundscape-ada-{today}.zip"'
    with zipfile.ZipFile(io.BytesIO(b"".join(answer))) as archive:
        assert "account.json" in archive.namelist()


def test_a_new_file_is_not_made_again_at_once(visitor, people, make):
    browser = visitor(ACCOUNT)
    address = make(people[ACCOUNT])
    assert "You can make a new file in" in words(browser)
    assert f'action="{PAGE}export/"' not in words(browser)
    assert browser.post(f"{PAGE}export/")["Location"] == PAGE
    assert "Your file is new" in words(browser)
    assert browser.get(address).status_code == 200
    DataExport.objects.update(finished_at=timezone.now() - EXPORT_RENEWED_AFTER)
    assert f'action="{PAGE}export/"' in words(browser)


def test_after_the_end_of_the_session_the_page_that_asks_for_progress_loads_again(visitor):
    answer = visitor(ANONYMOUS).get(f"{PAGE}export/progress/", headers={"HX-Request": "true"})
    assert answer["HX-Refresh"] == "true"
    assert answer.content == b""
    assert visitor(ANONYMOUS).get(f"{PAGE}export/progress/").status_code == 302


def test_only_its_owner_downloads_an_export(visitor, people, make):
    address = make(people[ACCOUNT])
    for who in (OTHER, OPERATOR):
        assert visitor(who).get(address).status_code == 404
    assert visitor(ACCOUNT).get(f"{PAGE}export/999999/file").status_code == 404


def test_an_unfinished_or_expired_export_cannot_be_downloaded(visitor, people, make):
    browser = visitor(ACCOUNT)
    waiting = request_export(user_id=people[ACCOUNT].pk)
    assert browser.get(f"{PAGE}export/{waiting.pk}/file").status_code == 404
    DataExport.objects.all().delete()
    address = make(people[ACCOUNT])
    assert browser.get(address).status_code == 200
    DataExport.objects.update(finished_at=timezone.now() - EXPORT_KEPT_FOR - timedelta(seconds=1))
    assert browser.get(address).status_code == 404
    assert "Make the file" in words(browser)


def test_a_failed_export_has_its_words(visitor, people):
    request_export(user_id=people[ACCOUNT].pk)
    DataExport.objects.update(state="failed", failure_code="poison", finished_at=timezone.now())
    shown = words(visitor(ACCOUNT))
    assert "The file could not be made" in shown
    assert "Make the file" in shown


def test_the_page_says_how_long_a_file_is_kept(visitor, people, monkeypatch):
    monkeypatch.setattr("retrieval.views.my_data.EXPORT_KEPT_FOR", timedelta(days=3))
    assert "kept for 3 days" in words(visitor(ACCOUNT))


def test_the_page_says_what_goes_and_what_stays(visitor, people, upload):
    shown = words(visitor(ACCOUNT))
    assert "your name, e-mail addresses" in shown
    assert "0 photos" not in shown
    upload(ACCOUNT, 1)
    upload(ACCOUNT, 2)
    shown = words(visitor(ACCOUNT))
    assert "your 2 photos" in shown
    assert "What stays" in shown


@pytest.fixture
def ada(people):
    people[ACCOUNT].set_password(PASSWORD)
    people[ACCOUNT].save()
    return people[ACCOUNT]


@pytest.fixture
def sure(ada, visitor):
    """Ada's browser, right after she gave her password again."""
    browser = visitor(ACCOUNT)
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return browser


def erase(browser, name="ada"):
    return browser.post(f"{PAGE}erase/", {"name": name})


def test_erasing_needs_the_password_again(ada, visitor):
    browser = visitor(ACCOUNT)
    for answer in (browser.get(f"{PAGE}erase/"), erase(browser)):
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert User.objects.get(pk=ada.pk).is_active


def test_the_erasure_waits_for_the_password(ada, visitor):
    browser = visitor(ACCOUNT)
    ask = erase(browser)["Location"]
    assert browser.post(ask, {"password": "a wrong one"}).status_code == 200
    assert User.objects.filter(pk=ada.pk).exists()
    answer = browser.post(ask, {"password": PASSWORD})
    assert answer["Location"] == "/erased/"
    assert not User.objects.filter(pk=ada.pk).exists()


@pytest.mark.parametrize("name", ["", "ADA", "bob"])
def test_another_name_erases_nothing(sure, ada, name):
    answer = erase(sure, name)
    assert answer.status_code == 422
    assert "This is not your name" in answer.content.decode()
    assert User.objects.get(pk=ada.pk).is_active


def test_an_account_is_erased_from_its_page(sure, ada, upload):
    upload(ACCOUNT)
    assert "type your name: ada" in words(sure, f"{PAGE}erase/")
    answer = erase(sure)
    assert (answer.status_code, answer["Location"]) == (302, "/erased/")
    assert "Your account is erased" in words(sure, "/erased/")
    assert not User.objects.filter(pk=ada.pk).exists()
    assert not Scene.objects.exists()
    assert sure.get(PAGE).status_code == 302


def test_nobody_who_is_logged_in_reads_that_the_account_is_erased(visitor, people):
    answer = visitor(ACCOUNT).get("/erased/")
    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_a_failure_after_the_closing_is_no_error(sure, ada, monkeypatch):
    def failing(**_):
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(erasure, "delete_exports", failing)
    assert erase(sure)["Location"] == "/erased/"
    assert User.objects.get(pk=ada.pk).erasure_requested_at is not None
    assert sure.get(PAGE).status_code == 302


def test_the_last_operator_is_told(visitor, people):
    browser = visitor(OPERATOR)
    answer = erase(browser, "olga")
    assert answer["Location"] == PAGE
    assert "You are the only operator" in words(browser)
    assert User.objects.get(username="olga").is_active


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize("end", ["closed", "erased"])
def test_an_upload_in_the_moment_of_the_erasure_is_refused_in_words(
    visitor, ada, send, while_decoding, make_clip, htmx, end
):
    def ended():
        request_erasure(user_id=ada.pk, actor_id=ada.pk)
        if end == "erased":
            delete_account(user_id=ada.pk)

    make_clip([1 / 7] * 7)
    browser = visitor(ACCOUNT)
    while_decoding(ended)
    headers = {"HX-Request": "true"} if htmx else {}
    answer = browser.post("/scenes/", {"photo": png(1)}, headers=headers)
    assert answer.status_code == 409
    assert "Your account has been closed" in answer.content.decode()
    assert not Scene.objects.exists()
    assert send(browser).owner is None  # as a visitor


def test_an_export_in_the_moment_of_the_erasure_asks_to_log_in(visitor, ada, monkeypatch):
    def closed(*, user_id):
        request_erasure(user_id=user_id, actor_id=user_id)
        lock_account(user_id=user_id)

    monkeypatch.setattr("retrieval.services.exporting.lock_account", closed)
    browser = visitor(ACCOUNT)
    assert browser.post(f"{PAGE}export/")["Location"] == PAGE
    assert browser.get(PAGE).status_code == 302
    assert not DataExport.objects.exists()
