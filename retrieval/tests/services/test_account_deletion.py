"""Deleting an account with its photos: service and command."""

from __future__ import annotations

import io

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import ProtectedError

from accounts.models import User
from accounts.services.erasure import AccountClosedError
from retrieval.jobs.transitions import StaleClaimError
from retrieval.models import DeletedScene, DiscardedFile, JobState, MatchRun, Scene, SceneProfile
from retrieval.selectors.media_files import named_files
from retrieval.services import deletion, erasure
from retrieval.services.deletion import remove_discarded_files
from retrieval.services.erasure import delete_account, request_erasure
from retrieval.services.media_check import check_media
from retrieval.services.scenes import find_sounds
from retrieval.storage.listing import stored_names
from retrieval.tests.fakes import dummy_finder
from retrieval.tests.photos import accepted

within_a_transaction = pytest.mark.django_db
committing = pytest.mark.django_db(transaction=True, serialized_rollback=True)


class Killed(BaseException):
    """Simulates the end of the process."""


@pytest.fixture
def finder(tmp_path, index_directory, media_root, make_clip):
    make_clip(np.full(7, 1 / 7))
    return dummy_finder(tmp_path, index_directory)


@pytest.fixture
def ada(media_root, db):
    return User.objects.create_user("ada")


@pytest.fixture
def photos(ada):
    return [accepted(number, owner_id=ada.pk) for number in range(3)]


@pytest.fixture
def bobs(media_root, db):
    """The first of ada's photos, uploaded by another user too."""
    return accepted(0, owner_id=User.objects.create_user("bob").pk)


def files_match_rows():
    named = [file.name for file in named_files() if file.name.startswith("photos/")]
    return list(stored_names()) == named


@within_a_transaction
def test_a_user_with_photos_cannot_be_deleted(ada, photos):
    for delete in (ada.delete, User.objects.filter(pk=ada.pk).delete):
        with pytest.raises(ProtectedError):
            delete()
    with connection.cursor() as cursor, pytest.raises(IntegrityError, match="owner_id"):
        cursor.execute(
            "DELETE FROM accounts_user WHERE id = %s; SET CONSTRAINTS ALL IMMEDIATE", [ada.pk]
        )


@committing
def test_an_account_is_deleted_with_its_photos_and_nothing_else(ada, photos, bobs, finder):
    nobodys = accepted(7)
    for scene in (photos[1], bobs):
        find_sounds(scene_id=scene.pk, finder=finder, worker="w")
    assert delete_account(user_id=ada.pk) == 3
    assert not User.objects.filter(username="ada").exists()
    assert set(Scene.objects.all()) == {bobs, nobodys}
    assert [run.photo_sha256 for run in MatchRun.objects.all()] == [bobs.photo_sha256]
    assert [row.photo_sha256 for row in SceneProfile.objects.all()] == [bobs.photo_sha256]
    records = DeletedScene.objects.values_list("pk", "reason")
    assert set(records) == {(scene.pk, "account") for scene in photos}
    assert files_match_rows()
    assert default_storage.exists(str(bobs.photo.name))
    assert not DiscardedFile.objects.exists()
    assert delete_account(user_id=ada.pk) == 0


@committing
def test_more_photos_than_a_batch(ada, photos, bobs, monkeypatch):
    monkeypatch.setattr(erasure, "_BATCH", 2)
    assert delete_account(user_id=ada.pk) == 3
    assert User.objects.get() == bobs.owner
    report = check_media()
    assert (report.files, report.arriving, report.agrees) == (2, 0, True)


@committing
@pytest.mark.parametrize(
    ("module", "step", "call", "left"),
    [
        (deletion, "_delete_rows", 2, 2),
        (deletion, "_remove", 2, 1),
        (erasure, "_delete_empty_account", 2, 0),
    ],
)
def test_an_interrupted_deletion_is_completed_by_the_same_call(
    ada, photos, client, monkeypatch, module, step, call, left
):
    client.force_login(ada)
    did, calls = getattr(module, step), []

    def killed(*args, **options):
        calls.append(args)
        if len(calls) == call:
            raise Killed
        return did(*args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(module, step, killed)
        with pytest.raises(Killed):
            delete_account(user_id=ada.pk)
    assert Scene.objects.filter(owner=ada).count() == left
    assert check_media().missing.count == 0
    assert not client.get("/admin/").wsgi_request.user.is_authenticated  # signed out
    assert delete_account(user_id=ada.pk) == left
    remove_discarded_files()  # as the sweeper does
    assert not User.objects.exists()
    assert DeletedScene.objects.count() == 3
    assert list(stored_names()) == []


@committing
def test_a_failed_row_deletion_removes_no_file_and_no_account(ada, photos, monkeypatch):
    """A rolled-back deletion has removed nothing."""

    def not_deleted(self, *args, **options):
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as patched:
        patched.setattr(Scene, "delete", not_deleted)
        with pytest.raises(OperationalError):
            delete_account(user_id=ada.pk)
    assert Scene.objects.filter(owner=ada).count() == 3
    assert not DeletedScene.objects.exists()
    assert files_match_rows()
    assert delete_account(user_id=ada.pk) == 3


@committing
def test_a_busy_worker_stores_nothing_for_a_deleted_account(ada, photos, finder, monkeypatch):
    search = finder.search_all

    def deleted_meanwhile(*args, **options):
        assert Scene.objects.filter(state=JobState.PROCESSING).exists()
        delete_account(user_id=ada.pk)
        return search(*args, **options)

    monkeypatch.setattr(finder, "search_all", deleted_meanwhile)
    with pytest.raises(StaleClaimError):
        find_sounds(scene_id=photos[0].pk, finder=finder, worker="w")
    assert not User.objects.exists()
    assert MatchRun.objects.count() == SceneProfile.objects.count() == 0
    assert list(stored_names()) == []


@committing
def test_a_photo_that_arrives_during_the_deletion_is_deleted_too(
    ada, photos, elsewhere, until_our_lock_is_awaited
):
    with transaction.atomic():
        accepted(5, owner_id=ada.pk)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as at the end of a transaction
        deleting = elsewhere(lambda: delete_account(user_id=ada.pk))
        until_our_lock_is_awaited()
    assert deleting.result(timeout=30) == 4
    assert not User.objects.exists()
    assert list(stored_names()) == []


@committing
def test_a_photo_that_arrives_in_the_moment_of_the_deletion_is_refused(
    ada, elsewhere, until_our_lock_is_awaited
):
    with transaction.atomic():
        request_erasure(user_id=ada.pk, actor_id=ada.pk)
        uploading = elsewhere(lambda: accepted(5, owner_id=ada.pk))
        until_our_lock_is_awaited()
    with pytest.raises(AccountClosedError):
        uploading.result(timeout=30)
    assert not Scene.objects.exists()
    assert list(stored_names()) == []


@committing
def test_a_photo_that_arrives_after_the_deletion_is_refused(ada):
    delete_account(user_id=ada.pk)
    with pytest.raises(AccountClosedError):
        accepted(5, owner_id=ada.pk)
    assert not Scene.objects.exists()
    assert list(stored_names()) == []


@within_a_transaction
def test_the_address_of_each_photo_gives_the_reason(ada, photos, client):
    delete_account(user_id=ada.pk)
    page = client.get(f"/scenes/{photos[0].pk}/")
    assert page.status_code == 410
    assert "It was deleted with the account that had sent it." in page.content.decode()
    assert "The person who sent it" not in page.content.decode()


def commanded(monkeypatch, *arguments, answer=None):
    """Call the command; return its questions and its output."""
    asked: list[str] = []

    def ask(question):
        asked.append(question)
        if answer is None:
            raise EOFError
        return answer

    monkeypatch.setattr("builtins.input", ask)
    out = io.StringIO()
    call_command("delete_account", *arguments, stdout=out)
    return asked, out.getvalue()


@within_a_transaction
def test_the_command_asks_and_reports_what_was_deleted_and_what_stays(ada, photos, monkeypatch):
    asked, said = commanded(monkeypatch, "ada", answer="yes")
    assert len(asked) == 1
    assert "the account 'ada' and 3 photos" in asked[0]
    assert "Deleted the account 'ada' and 3 photos." in said
    assert "What stays" in said
    assert "its reports of photos" in said
    assert not User.objects.exists()
    assert not Scene.objects.exists()


@within_a_transaction
@pytest.mark.parametrize("option", ["--no-input", "--noinput"])
def test_no_input_skips_the_question(ada, monkeypatch, option):
    accepted(1, owner_id=ada.pk)
    asked, said = commanded(monkeypatch, "ada", option)
    assert asked == []
    assert "Deleted the account 'ada' and 1 photo." in said


@within_a_transaction
@pytest.mark.parametrize("answer", ["no", "", "y", "ada", None])
def test_any_other_answer_changes_nothing(ada, photos, monkeypatch, answer):
    with pytest.raises(CommandError, match="Nothing was deleted"):
        commanded(monkeypatch, "ada", answer=answer)
    ada.refresh_from_db()
    assert ada.is_active
    assert Scene.objects.filter(owner=ada).count() == 3
    assert files_match_rows()


@within_a_transaction
@pytest.mark.parametrize("name", ["bob", "ad", ""])
def test_an_unknown_name_is_an_error(ada, photos, monkeypatch, name):
    with pytest.raises(CommandError, match=f"no account '{name}'"):
        commanded(monkeypatch, name, "--no-input")
    assert Scene.objects.count() == 3


@within_a_transaction
def test_the_only_operator_is_refused_in_words(monkeypatch):
    User.objects.create_superuser("olga")
    with pytest.raises(CommandError, match=r"only operator's \[last_operator\]"):
        commanded(monkeypatch, "olga", "--no-input")
    assert User.objects.get(username="olga").is_active


@within_a_transaction
def test_a_database_failure_is_no_traceback(ada, photos, monkeypatch):
    def fail(*_):
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(erasure, "_delete_empty_account", fail)
    with pytest.raises(CommandError, match=r"Stopped: the server closed.*the same command again"):
        commanded(monkeypatch, "ada", "--no-input")
