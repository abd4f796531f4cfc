"""Gold pairs: made by leads with a reason, used while their photo may be seen."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tests.role_holders import make_person
from labelling.models import GoldPair
from labelling.selectors.gold import gold_pairs, usable_gold_pairs
from labelling.services.errors import PairWithdrawnError
from labelling.services.gold import make_gold, remove_gold
from labelling.tests.blocking import call_meanwhile, error_of_second
from labelling.tests.factories import (
    make_campaign,
    make_clip,
    make_gold_pairs,
    make_scene,
    make_set,
)
from retrieval.models import DeletedScene, Scene
from retrieval.services.deletion import delete_scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead():
    return make_person("lead", Role.LEAD_REVIEWER)


def make(lead, *, scene=None, clip=None, grade="good", reason="Waves are seen."):
    return make_gold(
        scene_id=(scene or make_scene()).pk,
        clip_id=(clip or make_clip()).pk,
        grade=grade,
        reason=reason,
        lead_id=lead.pk,
    )


def test_a_gold_pair_has_grade_reason_and_maker(lead):
    gold = make(lead, grade="bad", reason="Rain in the sun.")
    stored = GoldPair.objects.get()
    assert (stored.grade, stored.reason, stored.made_by) == ("bad", "Rain in the sun.", lead)
    entry = AuditEntry.objects.get(action="gold.made")
    assert (entry.subject, entry.actor_id) == (f"goldpair {gold.pk}", lead.pk)


@pytest.mark.parametrize(
    ("grade", "reason"), [("", "Waves."), ("splendid", "Waves."), ("good", ""), ("good", "x" * 501)]
)
def test_a_gold_pair_needs_a_grade_and_a_reason(grade, reason, lead):
    with pytest.raises(ValidationError):
        make(lead, grade=grade, reason=reason)
    assert not GoldPair.objects.exists()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_pair_that_two_leads_make_gold_at_once_is_refused_in_the_same_words(lead):
    scene, clip = make_scene(), make_clip()
    values = {"scene": scene, "clip": clip, "grade": "good", "reason": "Waves."}
    error = error_of_second(
        lambda: GoldPair.objects.create(**values), lambda: make(lead, scene=scene, clip=clip)
    )
    with pytest.raises(ValidationError) as seen:
        make(lead, scene=scene, clip=clip)
    assert error.messages == seen.value.messages
    assert GoldPair.objects.count() == 1


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_photo_that_is_deleted_in_this_moment_is_not_made_gold(lead):
    scene, clip = make_scene(), make_clip()
    with pytest.raises(PairWithdrawnError):
        call_meanwhile(
            lambda: delete_scene(scene_id=scene.pk, reason=DeletedScene.Reason.VISITOR),
            lambda: make(lead, scene=scene, clip=clip),
        )
    assert not GoldPair.objects.exists()


def test_a_pair_is_gold_once(lead):
    scene, clip = make_scene(), make_clip()
    make(lead, scene=scene, clip=clip)
    with pytest.raises(ValidationError):
        make(lead, scene=scene, clip=clip, grade="bad")
    assert GoldPair.objects.get().grade == "good"


def test_what_reviewers_may_not_see_is_not_made_gold(lead):
    with pytest.raises(PairWithdrawnError):
        make(lead, scene=make_scene(judging_allowed=False))
    with pytest.raises(PairWithdrawnError):
        make(lead, clip=make_clip(removed_in=2))
    assert not GoldPair.objects.exists()


def test_a_removed_gold_pair_stays_in_campaigns(lead):
    (pair,) = make_gold_pairs(make_campaign(), 1, grade="decent")
    remove_gold(gold_id=GoldPair.objects.get().pk, lead_id=lead.pk)
    assert not GoldPair.objects.exists()
    pair.refresh_from_db()
    assert pair.gold_grade == "decent"
    assert AuditEntry.objects.get(action="gold.removed").detail == {"grade": "decent"}


def test_only_gold_pairs_of_a_sets_visible_photos_are_usable(lead):
    scenes = [make_scene() for _ in range(3)]
    first, second, third = (make(lead, scene=scene) for scene in scenes)
    elsewhere = make(lead)
    Scene.objects.filter(pk=scenes[1].pk).update(judging_allowed=False)
    third.clip.removed_in = 2
    third.clip.save()
    assert usable_gold_pairs(make_set(scenes).pk) == [first]
    assert list(gold_pairs()) == [elsewhere, third, second, first]
