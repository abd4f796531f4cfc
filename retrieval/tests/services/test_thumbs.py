"""Visitors' thumbs: stored once, changed, taken back, claimed and deleted; their counts."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.services.erasure import AccountClosedError
from retrieval.models import DeletedScene, Match, Scene, Thumb
from retrieval.selectors.thumbs import (
    ThumbCounts,
    ThumbGiver,
    own_thumbs,
    thumb_summary,
)
from retrieval.services.deletion import delete_scene
from retrieval.services.erasure import delete_account, request_erasure
from retrieval.services.scenes import find_sounds
from retrieval.services.thumbs import claim_thumbs, give_thumb, take_back_thumb
from retrieval.tests.fakes import dummy_finder
from retrieval.tests.photos import accepted

within_a_transaction = pytest.mark.django_db
committing = pytest.mark.django_db(transaction=True, serialized_rollback=True)

ONE, TWO = ThumbGiver(browser_key="1" * 64), ThumbGiver(browser_key="2" * 64)


@pytest.fixture
def matched(media_root, index_directory, tmp_path, make_clip):
    """Return a function that makes photos with three matches each."""
    for place in range(3):
        make_clip(np.full(7, 0.02) + np.eye(7)[place] * 0.86)

    def making(number=0):
        scene = accepted(number)
        find_sounds(scene_id=scene.pk, finder=dummy_finder(tmp_path, index_directory), worker="w")
        return Scene.objects.get(pk=scene.pk)

    return making


@pytest.fixture
def scene(matched):
    return matched()


@pytest.fixture
def ada(db):
    return User.objects.create_user("ada")


def match_of(scene, rank=1):
    return Match.objects.get(run=scene.run_id, rank=rank)


def give(scene, giver=ONE, *, rank=1, fits=True, reason=""):
    return give_thumb(
        scene_id=scene.pk, match_id=match_of(scene, rank).pk, giver=giver, fits=fits, reason=reason
    )


def said():
    return list(Thumb.objects.order_by("pk").values_list("match__rank", "fits", "reason"))


@within_a_transaction
def test_a_second_thumb_of_a_visitor_replaces_the_first(scene, ada):
    for giver in (ONE, TWO, ThumbGiver(account_id=ada.pk)):
        give(scene, giver)
        give(scene, giver, fits=False, reason="place")
        give(scene, giver, fits=False)
    assert said() == [(1, False, "")] * 3


@within_a_transaction
def test_a_thumb_is_taken_back_by_its_giver_only(scene):
    give(scene, ONE)
    give(scene, ONE, rank=2)
    arguments = {"scene_id": scene.pk, "match_id": match_of(scene).pk}
    take_back_thumb(**arguments, giver=TWO)
    assert len(said()) == 2
    for _ in range(2):
        take_back_thumb(**arguments, giver=ONE)
        assert said() == [(2, True, "")]


@within_a_transaction
def test_a_visitor_sees_only_own_thumbs(scene, ada):
    account = ThumbGiver(account_id=ada.pk)
    give(scene, ONE)
    give(scene, account, rank=2, fits=False)
    ids = [match_of(scene, rank).pk for rank in (1, 2, 3)]
    assert {pk: thumb.fits for pk, thumb in own_thumbs(ONE, ids).items()} == {ids[0]: True}
    assert {pk: thumb.fits for pk, thumb in own_thumbs(account, ids).items()} == {ids[1]: False}
    assert own_thumbs(TWO, ids) == {}


@within_a_transaction
def test_a_closed_account_gives_no_thumb_and_claims_none(scene, ada):
    give(scene, ONE)
    request_erasure(user_id=ada.pk, actor_id=ada.pk)
    with pytest.raises(AccountClosedError):
        give(scene, ThumbGiver(account_id=ada.pk))
    with pytest.raises(AccountClosedError):
        claim_thumbs(user_id=ada.pk, browser_key=ONE.browser_key)
    assert Thumb.objects.get().browser_key == ONE.browser_key


@within_a_transaction
def test_a_claim_keeps_one_thumb_a_match_the_later_one(scene, ada):
    account = ThumbGiver(account_id=ada.pk)
    now = timezone.now()
    for giver, rank, fits, minutes in (
        (ONE, 1, False, 2), (account, 1, True, 1), (ONE, 2, False, 1), (account, 2, True, 2),
        (ONE, 3, False, 1), (TWO, 1, False, 1),
    ):  # fmt: skip
        give(scene, giver, rank=rank, fits=fits)
        Thumb.objects.filter(match__rank=rank, browser_key=giver.browser_key).update(
            at=now + timedelta(minutes=minutes)
        )
    assert claim_thumbs(user_id=ada.pk, browser_key=ONE.browser_key) == 2
    kept = Thumb.objects.filter(account=ada).order_by("match__rank")
    assert list(kept.values_list("match__rank", "fits")) == [(1, False), (2, True), (3, False)]
    assert list(Thumb.objects.exclude(account=ada).values_list("browser_key", flat=True)) == [
        TWO.browser_key
    ]
    assert claim_thumbs(user_id=ada.pk, browser_key=ONE.browser_key) == 0


@within_a_transaction
def test_thumbs_go_with_the_photo_on_whose_page_they_were_given(matched):
    scene, copy = matched(), matched()
    assert scene.run_id == copy.run_id
    give(scene, ONE)
    give(copy, TWO)
    delete_scene(scene_id=scene.pk, reason=DeletedScene.Reason.VISITOR)
    assert [thumb.browser_key for thumb in Thumb.objects.all()] == [TWO.browser_key]
    delete_scene(scene_id=copy.pk, reason=DeletedScene.Reason.VISITOR)
    assert not Thumb.objects.exists()
    assert not Match.objects.exists()


@within_a_transaction
def test_an_erased_account_takes_its_thumbs_along(scene, ada):
    give(scene, ONE)
    give(scene, ThumbGiver(account_id=ada.pk))
    delete_account(user_id=ada.pk)
    assert Thumb.objects.get().browser_key == ONE.browser_key


@committing
def test_a_photo_is_deleted_with_a_thumb_that_arrives_meanwhile(
    scene, elsewhere, until_our_lock_is_awaited
):
    with transaction.atomic():
        give(scene)
        deletion = elsewhere(
            lambda: delete_scene(scene_id=scene.pk, reason=DeletedScene.Reason.VISITOR)
        )
        until_our_lock_is_awaited()
    assert deletion.result(timeout=30)
    assert not Thumb.objects.exists()
    with pytest.raises(Scene.DoesNotExist):
        give_thumb(scene_id=scene.pk, match_id=1, giver=ONE, fits=True)


@committing
def test_two_presses_at_once_are_one_thumb(scene, elsewhere, until_our_lock_is_awaited):
    with transaction.atomic():
        give(scene)
        second = elsewhere(lambda: give(scene, fits=False))
        until_our_lock_is_awaited()
    second.result(timeout=30)
    assert said() == [(1, False, "")]


@pytest.fixture
def counted(matched, ada):
    """Two photos with thumbs, and a copy of the first one, on whose page somebody gave one too."""
    scene, other, copy = matched(0), matched(1), matched(0)
    account = ThumbGiver(account_id=ada.pk)
    give(scene, ONE)
    give(scene, TWO, fits=False, reason="place")
    give(scene, account, fits=False)
    give(scene, ONE, rank=2, fits=False, reason="place")
    give(other, ONE, fits=False, reason="recording")
    give(copy, ThumbGiver(browser_key="3" * 64))
    return scene, other


@within_a_transaction
def test_thumbs_of_photos_are_counted_by_matcher_and_rank(counted, django_assert_num_queries):
    scene, other = counted
    with django_assert_num_queries(2):
        summary = thumb_summary([scene.pk, other.pk])
    assert summary.visitors == 3
    assert summary.counts == {
        ("paper", 1): ThumbCounts(
            fits=1, does_not_fit=3, reasons={"": 1, "place": 1, "recording": 1}
        ),
        ("paper", 2): ThumbCounts(does_not_fit=1, reasons={"place": 1}),
    }
    assert list(summary.counts) == [("paper", 1), ("paper", 2)]
    nothing = thumb_summary([])
    assert (nothing.visitors, nothing.counts) == (0, {})
