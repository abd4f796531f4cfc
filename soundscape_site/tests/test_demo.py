"""`manage.py demo`: whom it adds, where it refuses, and what a second run does."""

from __future__ import annotations

import io
import itertools
import re
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count

from accounts.models import AuditEntry, User
from accounts.selectors.roles import operator_exists, roles_of
from accounts.tests.people import log_in, make_user
from labelling.grades import Grading
from labelling.models import Campaign, SetPhoto
from labelling.services import demo as demo_services
from labelling.services import photo_import
from labelling.services.demo import (
    PEOPLE,
    RealAccountsError,
    demo_photo_set,
    make_demo_accounts,
)
from labelling.services.queue import reviewer_of
from labelling.tests.answering import claim, grade
from retrieval.jobs import transitions
from retrieval.models import JobState, Scene
from retrieval.services.scenes import find_sounds
from retrieval.tests.factories import ClipFactory, small_matchers
from retrieval.tests.fakes import dummy_finder
from retrieval.tests.photos import accepted, png
from soundscape_site.management.commands import demo

pytestmark = pytest.mark.django_db


def test_the_accounts_can_log_in_and_have_their_roles(client):
    made = make_demo_accounts()
    assert [account.name for account in made] == ["demo_lead", "demo_reviewer_1", "demo_reviewer_2"]
    assert len({account.password for account in made}) == len(made)
    for account in made:
        assert roles_of(User.objects.get(pk=account.user_id)) == {PEOPLE[account.name]}
        answer = log_in(client, account.name, password=account.password)
        assert int(client.session["_auth_user_id"]) == account.user_id, answer
        client.logout()
    assert not operator_exists()
    made_entries = AuditEntry.objects.filter(action="demo.account_made")
    assert set(made_entries.values_list("subject", flat=True)) == {
        f"user {account.user_id}" for account in made
    }


def test_a_second_run_gives_new_passwords_to_the_same_accounts(client):
    first, second = make_demo_accounts(), make_demo_accounts()
    assert [one.user_id for one in first] == [one.user_id for one in second]
    assert [one.is_new for one in (*first, *second)] == [True] * 3 + [False] * 3
    assert {one.password for one in first}.isdisjoint(one.password for one in second)
    log_in(client, second[0].name, password=first[0].password)
    assert "_auth_user_id" not in client.session
    log_in(client, second[0].name, password=second[0].password)
    assert "_auth_user_id" in client.session


REAL = {
    "another name": {"name": "anna"},
    "another address": {"name": "demo_lead", "email": "anna@people.example"},
    "an address that nobody confirmed": {
        "name": "demo_lead", "email": "demo_lead@demo.example", "verified": False,
    },
    "an operator": {
        "name": "demo_lead", "email": "demo_lead@demo.example",
        "is_staff": True, "is_superuser": True,
    },
    "a closed account": {"name": "anna", "is_active": False},
}  # fmt: skip


@pytest.mark.parametrize("fields", REAL.values(), ids=REAL)
def test_real_accounts_are_left_alone(fields):
    user = make_user(**fields)
    before = User.objects.values_list("username", "password").get()
    with pytest.raises(RealAccountsError):
        make_demo_accounts()
    assert User.objects.values_list("username", "password").get() == before
    assert not user.groups.exists()


def test_real_accounts_beside_the_demos_are_left_alone():
    make_demo_accounts()
    before = set(User.objects.values_list("username", "password"))
    make_user("anna")
    with pytest.raises(RealAccountsError):
        make_demo_accounts()
    assert before < set(User.objects.values_list("username", "password"))


@pytest.fixture
def folder(settings, monkeypatch, tmp_path: Path) -> Path:
    """A folder of photos, on a site with small matchers and four recordings."""
    photos = tmp_path / "photos"
    photos.mkdir()
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.SOUNDSCAPE_SAMPLE_PHOTOS = photos
    finder = dummy_finder(tmp_path, tmp_path / "index")
    monkeypatch.setattr(demo, "SoundFinder", lambda *_, **__: finder)
    monkeypatch.setattr(photo_import, "matcher_in_force", lambda _: small_matchers()["paper"])
    clips = ClipFactory()
    for number in range(4):
        clips(0.93 * np.eye(7)[number] + 0.01)
    return photos


def add_photos(folder: Path, *numbers: int) -> None:
    for number in numbers:
        (folder / f"photo-{number}.png").write_bytes(png(number).read())


def printed(*arguments: str) -> str:
    out = io.StringIO()
    call_command("demo", *arguments, stdout=out)
    return out.getvalue()


def test_one_command_makes_all_of_it(folder, client):
    add_photos(folder, 1, 2)
    (folder / "broken.png").write_bytes(b"no photo")
    words = printed("--host", "0.0.0.0", "--port", "8123")
    campaign = Campaign.objects.get()
    assert (campaign.state, campaign.matchers, campaign.ranks) == ("open", ["paper"], 3)
    assert campaign.guideline.published_at is not None
    assert {one.label for one in Grading} <= set(re.findall(r"\w+", campaign.guideline.body))
    assert (campaign.photo_set.photos.count(), campaign.pairs.count()) == (2, 6)
    assert set(campaign.pairs.annotate(n=Count("slots")).values_list("n", flat=True)) == {2}
    assert "2 photos, 6 pairs to grade" in words
    assert "http://127.0.0.1:8123/review/" in words
    assert "log in as demo_lead and grade those pairs at /review/" in words
    for name in PEOPLE:
        password = re.search(rf"{name} +password (\S+)", words)
        assert password
        log_in(client, name, password=password[1])
        assert "_auth_user_id" in client.session
        client.logout()


def test_the_lead_gives_the_third_grade_where_the_reviewers_differ(folder):
    """The demo has no third reviewer: without the lead no pair could become disputed."""
    add_photos(folder, 1)
    printed()
    campaign = Campaign.objects.get()
    lead, one, two = (reviewer_of(user_id=User.objects.get(username=name).pk) for name in PEOPLE)
    wanted = campaign.pairs.count()
    for reviewer, grading in ((one, "good"), (two, "bad"), (lead, "decent")):
        slots = claim(reviewer, campaign, wanted)
        assert len(slots) == wanted
        for slot in slots:
            grade(slot, grading)
    assert set(campaign.pairs.values_list("state", flat=True)) == {"disputed"}


def test_a_second_run_changes_only_the_passwords(folder):
    add_photos(folder, 1)
    first = printed()
    add_photos(folder, 2)
    second = printed("--photos", str(folder / "gone"))
    assert "The demo exists already; its passwords are new." in second
    assert not set(re.findall(r"password (\S+)", first)) & set(
        re.findall(r"password (\S+)", second)
    )
    assert (Scene.objects.count(), Campaign.objects.count(), User.objects.count()) == (1, 1, 3)


def test_an_interrupted_run_is_completed(folder, monkeypatch):
    add_photos(folder, 1, 2)
    calls = itertools.count()

    def interrupted(**arguments):
        if next(calls):
            raise KeyboardInterrupt
        find_sounds(**arguments)

    with monkeypatch.context() as patch:
        patch.setattr(demo_services, "find_sounds", interrupted)
        with pytest.raises(KeyboardInterrupt):
            printed()
    assert Scene.objects.filter(state=JobState.QUEUED).count() == 1
    printed()
    assert Campaign.objects.get().pairs.count() == 6


def test_a_photo_that_a_killed_run_left_is_matched(folder, monkeypatch):
    add_photos(folder, 1)
    photo_set = demo_photo_set(lead_id=make_demo_accounts()[0].user_id)
    scene = accepted()
    SetPhoto.objects.create(photo_set=photo_set, scene=scene, photo_sha256=scene.photo_sha256)
    transitions.claim(Scene, scene.pk, owner="killed", lease=timedelta(seconds=-1))
    printed()
    scene.refresh_from_db()
    assert scene.state == JobState.DONE


def test_real_accounts_end_the_command(folder):
    add_photos(folder, 1)
    make_user("anna")
    with pytest.raises(CommandError, match=r"accounts that are not the demo's \(1\).*make run"):
        printed()
    assert (User.objects.count(), Scene.objects.count()) == (1, 0)


@pytest.mark.parametrize("exists", [True, False])
def test_without_photos_the_command_asks_for_a_folder(folder, exists):
    if not exists:
        folder.rmdir()
    with pytest.raises(CommandError, match=r"no photos in .*make demo PHOTOS=FOLDER"):
        printed()
    assert not User.objects.exists()


def test_photos_that_cannot_be_read_end_the_command(folder):
    (folder / "broken.png").write_bytes(b"no photo")
    with pytest.raises(CommandError, match=r"No pairs can be drawn .*\[nothing_to_draw\]"):
        printed()
