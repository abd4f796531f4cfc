"""Constraints on visitors' thumbs: each test violates one and expects its name."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction

from retrieval.models import Match, MatchRun, Scene, Thumb
from retrieval.tests.factories import dummy_space_row, unsaved_clip
from retrieval.tests.photos import accepted

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(media_root):
    return accepted()


@pytest.fixture
def matches(scene):
    """Two matches of a run of the scene's photo."""
    dummy_space_row()
    run = MatchRun.objects.create(
        photo_sha256=scene.photo_sha256, matcher="paper", matcher_version=1,
        model_versions={"a": 1}, snapshot=1, library_size=2, search_seconds=0.1,
    )  # fmt: skip
    clips = [unsaved_clip(number) for number in (1, 2)]
    for clip in clips:
        clip.save()
    return [
        Match.objects.create(run=run, clip=clip, rank=rank, score=0.0)
        for rank, clip in enumerate(clips, start=1)
    ]


@pytest.fixture
def ada():
    return get_user_model().objects.create_user("ada")


@pytest.fixture
def give(scene, matches):
    def giving(**fields):
        values = {"match": matches[0], "scene": scene, "browser_key": "b1", "fits": True}
        with transaction.atomic():
            return Thumb.objects.create(**values | fields)

    return giving


def refused(name):
    return pytest.raises(IntegrityError, match=f"retrieval_thumb_{name}")


def test_a_browser_has_one_thumb_on_a_match(give, matches):
    give()
    with refused("browser_once"):
        give(fits=False)
    give(browser_key="b2")
    give(match=matches[1])


def test_an_account_has_one_thumb_on_a_match(give, matches, ada):
    bob = get_user_model().objects.create_user("bob")
    give(account=ada, browser_key="")
    with refused("account_once"):
        give(account=ada, browser_key="", fits=False)
    give(account=bob, browser_key="")
    give(account=ada, browser_key="", match=matches[1])


def test_a_thumb_is_either_an_accounts_or_a_browsers(give, ada):
    for fields in ({"browser_key": ""}, {"account": ada}):
        with refused("has_one_giver"):
            give(**fields)


def test_a_reason_is_known_and_needs_a_misfit(give):
    with refused("reason_known"):
        give(fits=False, reason="spite")
    with refused("reason_of_a_misfit"):
        give(fits=True, reason=Thumb.Reason.PLACE)
    for reason in Thumb.Reason:
        give(fits=False, reason=reason, browser_key=reason.value)


@pytest.mark.parametrize("gone", ["account", "scene", "run"])
def test_thumbs_go_with_what_they_refer_to(give, matches, ada, gone):
    give(account=ada, browser_key="")
    {
        "account": ada.delete,
        "scene": Scene.objects.all().delete,
        "run": MatchRun.objects.all().delete,
    }[gone]()
    assert not Thumb.objects.exists()
