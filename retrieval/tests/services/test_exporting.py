"""Exports of personal data: the content of the file, interruptions, expiry."""

from __future__ import annotations

import json
import zipfile
from datetime import timedelta

import numpy as np
import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core.files.storage import default_storage
from django.db import OperationalError, transaction
from django.utils import timezone
from django.utils.translation.trans_real import DjangoTranslation

from accounts.models import AuditEntry, Invitation, User
from accounts.roles import Role
from accounts.services.audit import record
from accounts.services.erasure import AccountClosedError
from retrieval import submission, tasks
from retrieval.jobs import transitions
from retrieval.jobs.transitions import StaleClaimError
from retrieval.models import DataExport, DiscardedFile, JobState, Match, SceneReport
from retrieval.quotas.senders import user_key
from retrieval.selectors.exports import EXPORT_KEPT_FOR, EXPORT_RENEWED_AFTER
from retrieval.selectors.media_files import is_named, named_file_count, named_files
from retrieval.selectors.thumbs import ThumbGiver
from retrieval.services import export_sections, exporting
from retrieval.services.deletion import remove_discarded_files
from retrieval.services.erasure import delete_account, request_erasure
from retrieval.services.export_sections import Entry, Section
from retrieval.services.exporting import (
    ExportRecentError,
    expire_exports,
    request_export,
    run_export,
)
from retrieval.services.media_check import check_media
from retrieval.services.scene_settings import change_settings
from retrieval.services.scenes import find_sounds
from retrieval.services.thumbs import give_thumb
from retrieval.storage.listing import stored_names
from retrieval.tests.fakes import dummy_finder
from retrieval.tests.photos import accepted

within_a_transaction = pytest.mark.django_db
committing = pytest.mark.django_db(transaction=True, serialized_rollback=True)


class Killed(BaseException):
    """Simulates the end of the process."""


@pytest.fixture
def ada(media_root, db):
    return User.objects.create_user("ada", password="only for tests, by ada")


@pytest.fixture
def make(tmp_path):
    def made(export):
        run_export(export_id=export.pk, scratch_directory=tmp_path / "scratch", worker="w")
        export.refresh_from_db()
        return export

    return made


def content(export):
    with default_storage.open(export.file.name) as stream, zipfile.ZipFile(stream) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def exports():
    return [name for name in stored_names() if name.startswith("exports/")]


@within_a_transaction
def test_the_file_holds_everything_about_a_person_and_nothing_of_others(
    ada, make, tmp_path, index_directory, make_clip
):
    make_clip(np.full(7, 1 / 7), title="Surf", license="CC0-1.0", author="Grace")
    photo, waiting = accepted(1, owner_id=ada.pk), accepted(2, owner_id=ada.pk)
    find_sounds(scene_id=photo.pk, finder=dummy_finder(tmp_path, index_directory), worker="w")
    change_settings(scene_id=photo.pk, actor_id=ada.pk, title="The beach")
    bob = User.objects.create_user("bob")
    theirs = accepted(3, owner_id=bob.pk)
    EmailAddress.objects.create(user=ada, email="ada@example.org", verified=True, primary=True)
    EmailAddress.objects.create(user=bob, email="bob@example.org")
    Authenticator.objects.create(user=ada, type="totp", data={"secret": "hidden-secret"})
    match = Match.objects.get(run__scenes=photo)
    for user in (ada, bob):
        give_thumb(
            scene_id=photo.pk, match_id=match.pk, giver=ThumbGiver(user.pk),
            fits=user == bob, reason="" if user == bob else "place",
        )  # fmt: skip
        SceneReport.objects.create(
            scene=theirs, reason="other", words=f"by {user}", reporter_key=user_key(user.pk)
        )
        Invitation.objects.create(
            token_sha256=f"{user.pk:064x}", email=f"guest-of-{user}@example.org",
            roles=[Role.REVIEWER], invited_by=user, expires_at=timezone.now() + timedelta(days=1),
        )  # fmt: skip

    export = make(request_export(user_id=ada.pk))
    assert (export.state, export.byte_size) == (
        JobState.DONE,
        default_storage.size(export.file.name),
    )
    files = content(export)
    assert set(files) == {
        "README.txt", "account.json", "invitations.json", "audit-log.json", "reports.json",
        "thumbs.json", "webhooks.json", "grades.json",
        f"photos/{photo.pk}.jpg", f"photos/{photo.pk}.json",
        f"photos/{waiting.pk}.jpg", f"photos/{waiting.pk}.json",
    }  # fmt: skip
    assert files[f"photos/{photo.pk}.jpg"] == b"picture 1"
    account = json.loads(files["account.json"])
    assert account["name"] == "ada"
    assert account["email_addresses"] == [
        {"email": "ada@example.org", "verified": True, "primary": True}
    ]
    assert [factor["type"] for factor in account["second_factors"]] == ["totp"]
    result = json.loads(files[f"photos/{photo.pk}.json"])
    assert (result["title"], result["visibility"]) == ("The beach", "unlisted")
    match = result["matches"][0]
    assert (match["rank"], match["title"], match["author"]) == (1, "Surf", "Grace")
    assert match["license"] == "CC0 1.0"
    assert match["divergence_nats"]["dummy"] >= 0
    assert json.loads(files[f"photos/{waiting.pk}.json"])["matches"] == []
    assert [report["words"] for report in json.loads(files["reports.json"])] == ["by ada"]
    (thumb,) = json.loads(files["thumbs.json"])
    assert (thumb["scene_id"], thumb["fits"], thumb["reason"]) == (str(photo.pk), False, "place")
    assert (thumb["recording"], thumb["matcher"], thumb["rank"]) == ("Surf", "paper", 1)
    sent = json.loads(files["invitations.json"])
    assert [invitation["email"] for invitation in sent] == ["guest-of-ada@example.org"]
    assert "data.requested" in {entry["action"] for entry in json.loads(files["audit-log.json"])}
    readme = files["README.txt"].decode()
    assert all(name in readme for name in ("account.json", "photos/", "reports.json"))
    whole = b"".join(files.values())
    for secret in (b"hidden-secret", ada.password.encode(), b"bob", b"token"):
        assert secret not in whole


@within_a_transaction
def test_apps_above_add_their_parts(ada, make, settings, monkeypatch):
    grades = Section("grades.json: yours", lambda user_id: iter([Entry("grades.json", [user_id])]))
    monkeypatch.setattr(export_sections, "GRADES", grades, raising=False)
    settings.SOUNDSCAPE_EXPORT_SECTIONS = ["retrieval.services.export_sections.GRADES"]
    files = content(make(request_export(user_id=ada.pk)))
    assert json.loads(files["grades.json"]) == [ada.pk]
    assert b"grades.json: yours" in files["README.txt"]


@within_a_transaction
def test_acts_of_others_on_an_account_are_in_the_file_without_those_who_did_them(ada, make):
    bob = User.objects.create_user("bob")
    with transaction.atomic():
        record(action="role.given", subject=f"user {ada.pk}", actor_id=bob.pk, role="reviewer")
        record(action="role.given", subject=f"user {ada.pk}0", actor_id=bob.pk, role="librarian")
        record(action="role.taken", subject=f"user {bob.pk}", actor_id=ada.pk, role="reviewer")
    AuditEntry.objects.update(address_prefix="192.0.2.0/24")
    files = content(make(request_export(user_id=ada.pk)))
    given, taken, _ = json.loads(files["audit-log.json"])
    del given["at"], taken["at"]
    assert given == {
        "action": "role.given", "subject": f"user {ada.pk}", "detail": {"role": "reviewer"},
        "by_you": False,
    }  # fmt: skip
    assert taken == {
        "action": "role.taken", "subject": f"user {bob.pk}", "detail": {"role": "reviewer"},
        "by_you": True, "address_prefix": "192.0.2.0/24",
    }  # fmt: skip


@within_a_transaction
def test_the_words_about_the_file_can_be_translated(ada, make, monkeypatch):
    translated = DjangoTranslation.gettext
    monkeypatch.setattr(
        DjangoTranslation, "gettext", lambda self, words: f"» {translated(self, words)}"
    )
    readme = content(make(request_export(user_id=ada.pk)))["README.txt"].decode()
    for words in ("» Your data", "» account.json", "» photos/", "» reports.json"):
        assert words in readme


@within_a_transaction
def test_a_photo_whose_file_is_missing_does_not_stop_the_export(ada, make):
    photo, whole = accepted(1, owner_id=ada.pk), accepted(2, owner_id=ada.pk)
    default_storage.delete(str(photo.photo.name))
    files = content(make(request_export(user_id=ada.pk)))
    assert f"photos/{photo.pk}.jpg" not in files
    assert {f"photos/{photo.pk}.json", f"photos/{whole.pk}.jpg"} <= set(files)


@committing
def test_one_export_at_a_time(ada, elsewhere, until_our_lock_is_awaited, make):
    with transaction.atomic():
        first = request_export(user_id=ada.pk)
        second = elsewhere(lambda: request_export(user_id=ada.pk))
        until_our_lock_is_awaited()
    assert second.result(timeout=30) == first
    assert AuditEntry.objects.filter(action="data.requested").count() == 1
    old = make(first)
    with pytest.raises(ExportRecentError):
        request_export(user_id=ada.pk)
    now = timezone.now()
    DataExport.objects.update(finished_at=now - EXPORT_RENEWED_AFTER + timedelta(minutes=1))
    with pytest.raises(ExportRecentError):
        request_export(user_id=ada.pk)
    assert exports() == [old.file.name]
    DataExport.objects.update(finished_at=now - EXPORT_RENEWED_AFTER - timedelta(seconds=1))
    assert make(request_export(user_id=ada.pk)) != old
    assert DataExport.objects.count() == len(exports()) == 1


@committing
def test_a_request_wakes_a_worker(ada, monkeypatch):
    woken: list[int] = []
    monkeypatch.setattr(tasks.export_data, "delay", woken.append)
    export = submission.submit_export(user_id=ada.pk)
    assert woken == [export.pk]
    DataExport.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    submission.wake_overdue()
    assert woken == [export.pk, export.pk]


@committing
@pytest.mark.parametrize(
    "step", ["_write_archive", "_store", "content_store.keep", "transitions.finish"]
)
def test_an_interrupted_export_leaves_no_file_and_is_made_again(
    ada, make, monkeypatch, tmp_path, step
):
    accepted(1, owner_id=ada.pk)
    export = request_export(user_id=ada.pk)

    def killed(*args, **options):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(f"retrieval.services.exporting.{step}", killed)
        with pytest.raises(Killed):
            make(export)
    assert DataExport.objects.get().state == JobState.PROCESSING
    remove_discarded_files()
    assert exports() == []
    assert list((tmp_path / "scratch").iterdir()) == []
    transitions.release_owned(DataExport, owner="w")
    assert make(export).state == JobState.DONE
    remove_discarded_files()
    assert exports() == [export.file.name]


@committing
def test_an_attempt_that_lost_its_lease_stores_nothing(ada, make, monkeypatch):
    export = request_export(user_id=ada.pk)
    write = exporting._write_archive

    def slowly(*arguments):
        write(*arguments)
        transitions.release_owned(DataExport, owner="w")

    monkeypatch.setattr(exporting, "_write_archive", slowly)
    with pytest.raises(StaleClaimError):
        make(export)
    remove_discarded_files()
    assert exports() == []
    assert DataExport.objects.get().state == JobState.QUEUED


@committing
@pytest.mark.parametrize("step", ["_write_archive", "_store"])
def test_an_account_erased_meanwhile_leaves_no_file(ada, make, monkeypatch, step):
    accepted(1, owner_id=ada.pk)
    export = request_export(user_id=ada.pk)
    did = getattr(exporting, step)

    def erased_before(*arguments):
        delete_account(user_id=ada.pk)
        return did(*arguments)

    monkeypatch.setattr(exporting, step, erased_before)
    with pytest.raises(StaleClaimError):
        make(export)
    remove_discarded_files()
    assert list(stored_names()) == []
    assert not User.objects.exists()


@within_a_transaction
def test_a_closed_account_gets_no_export(ada):
    request_erasure(user_id=ada.pk, actor_id=ada.pk)
    with pytest.raises(AccountClosedError):
        request_export(user_id=ada.pk)
    assert not DataExport.objects.exists()


@committing
def test_an_export_expires_with_its_file(ada, make):
    export = make(request_export(user_id=ada.pk))
    DataExport.objects.update(finished_at=timezone.now() - EXPORT_KEPT_FOR + timedelta(minutes=1))
    assert expire_exports() == 0
    assert exports() == [export.file.name]
    DataExport.objects.update(finished_at=timezone.now() - EXPORT_KEPT_FOR - timedelta(minutes=1))
    assert expire_exports() == 1
    assert exports() == []
    assert not DataExport.objects.exists()
    assert not DiscardedFile.objects.exists()


@committing
def test_the_check_of_files_knows_exports(ada, make):
    export = make(request_export(user_id=ada.pk))
    assert export.file.name in {file.name for file in named_files()}
    assert is_named(export.file.name)
    assert named_file_count() == 1
    assert check_media().agrees
    default_storage.delete(export.file.name)
    assert check_media().missing.names == [export.file.name]


@committing
def test_a_database_failure_is_tried_again(ada, make, monkeypatch):
    export = request_export(user_id=ada.pk)

    def failing(*_):
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(exporting, "_write_archive", failing)
    for _ in range(3):
        with pytest.raises(OperationalError):
            make(export)
        transitions.release_owned(DataExport, owner="w")
    export.refresh_from_db()
    assert (export.state, export.failure_code) == (JobState.FAILED, transitions.POISON)
    assert request_export(user_id=ada.pk) != export
