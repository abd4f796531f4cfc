"""Guidelines: drafts, versions, examples, and what publishing forbids."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tests.races import at_once
from accounts.tests.role_holders import make_person
from labelling.models import CampaignState, Guideline, GuidelineExample
from labelling.selectors.guidelines import guidelines, published_guidelines, showable_examples
from labelling.services import campaigns
from labelling.services.errors import PairWithdrawnError, WrongStateError
from labelling.services.guidelines import (
    add_example,
    change_guideline,
    delete_guideline,
    make_guideline,
    next_version,
    publish_guideline,
    remove_example,
)
from labelling.tests.blocking import call_meanwhile
from labelling.tests.factories import make_campaign, make_clip, make_scene, make_set
from retrieval.models import DeletedScene, Scene
from retrieval.services.deletion import delete_scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead():
    return make_person("lead", Role.LEAD_REVIEWER)


@pytest.fixture
def draft(lead):
    return make_guideline(title="Sceneries", body="Does it *fit*?", lead_id=lead.pk)


@pytest.fixture
def published(draft, lead):
    add(draft, lead, grade="good")
    return publish_guideline(guideline_id=draft.pk, lead_id=lead.pk)


def add(guideline, lead, *, scene=None, clip=None, grade="good", why="Waves are seen."):
    return add_example(
        guideline_id=guideline.pk,
        scene_id=(scene or make_scene()).pk,
        clip_id=(clip or make_clip()).pk,
        grade=grade,
        why=why,
        lead_id=lead.pk,
    )


def test_a_guideline_is_a_draft_until_it_is_published(draft, lead):
    assert (draft.version, draft.published_at, draft.made_by_id) == (1, None, lead.pk)
    assert not published_guidelines().exists()
    published = publish_guideline(guideline_id=draft.pk, lead_id=lead.pk)
    assert published.published_at is not None
    assert list(published_guidelines()) == [published]
    entry = AuditEntry.objects.get(action="guideline.published")
    assert (entry.subject, entry.actor_id) == (f"guideline {draft.pk}", lead.pk)


def test_a_draft_can_be_changed(draft, lead):
    change_guideline(guideline_id=draft.pk, body="Is it *right*?", lead_id=lead.pk)
    assert Guideline.objects.get().body == "Is it *right*?"


@pytest.mark.parametrize(
    ("title", "body"), [("", "x"), ("x" * 101, "x"), ("x", ""), ("x", "x" * 20_001)]
)
def test_titles_and_texts_have_a_length(title, body, lead):
    with pytest.raises(ValidationError):
        make_guideline(title=title, body=body, lead_id=lead.pk)
    assert not Guideline.objects.exists()


def test_a_draft_does_not_lose_its_text(draft, lead):
    with pytest.raises(ValidationError):
        change_guideline(guideline_id=draft.pk, body="", lead_id=lead.pk)
    assert Guideline.objects.get().body == draft.body


def test_a_published_guideline_does_not_change(published, lead):
    example = published.examples.get()
    refused = (
        lambda: change_guideline(guideline_id=published.pk, body="x", lead_id=lead.pk),
        lambda: publish_guideline(guideline_id=published.pk, lead_id=lead.pk),
        lambda: delete_guideline(guideline_id=published.pk, lead_id=lead.pk),
        lambda: add(published, lead),
        lambda: remove_example(example_id=example.pk, lead_id=lead.pk),
    )
    for act in refused:
        with pytest.raises(WrongStateError):
            act()
    published.refresh_from_db()
    assert published.body == "Does it *fit*?"
    assert list(published.examples.all()) == [example]


def test_the_database_keeps_published_guidelines(published):
    example = published.examples.get()
    for act in (
        lambda: Guideline.objects.filter(pk=published.pk).update(body="x"),
        lambda: GuidelineExample.objects.filter(pk=example.pk).update(grade="bad"),
        lambda: GuidelineExample.objects.create(
            guideline=published, scene=make_scene(), clip=make_clip(), grade="bad", why="Rain."
        ),
    ):
        with pytest.raises(IntegrityError, match="is published"), transaction.atomic():
            act()


def test_the_next_version_starts_from_text_and_examples_of_the_last(published, lead):
    second = next_version(guideline_id=published.pk, lead_id=lead.pk)
    assert (second.title, second.version, second.body) == ("Sceneries", 2, published.body)
    assert second.published_at is None
    facts = ("scene", "clip", "grade", "why")
    assert list(second.examples.values_list(*facts)) == list(published.examples.values_list(*facts))
    remove_example(example_id=second.examples.get().pk, lead_id=lead.pk)
    assert (second.examples.count(), published.examples.count()) == (0, 1)


def test_a_title_that_exists_makes_its_next_version(published, lead):
    second = make_guideline(title="SCENERIES", body="New.", lead_id=lead.pk)
    assert (second.title, second.version, second.body) == ("Sceneries", 2, "New.")
    assert second.examples.count() == 1


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_leads_at_once_make_different_versions_or_one_is_refused(lead):
    def making():
        make_guideline(title="Sceneries", body="x", lead_id=lead.pk)

    errors = at_once(making, making)
    assert set(errors) <= {None, WrongStateError}
    versions = sorted(Guideline.objects.values_list("version", flat=True))
    assert versions == list(range(1, errors.count(None) + 1))


def test_an_example_that_is_added_again_is_changed(draft, lead):
    scene, clip = make_scene(), make_clip()
    add(draft, lead, scene=scene, clip=clip, grade="good", why="Waves.")
    add(draft, lead, scene=scene, clip=clip, grade="bad", why="Rain.")
    example = draft.examples.get()
    assert (example.grade, example.why) == ("bad", "Rain.")


@pytest.mark.parametrize(
    ("grade", "why"), [("splendid", "Waves."), ("good", ""), ("good", "x" * 501)]
)
def test_an_example_needs_a_grade_and_a_reason(grade, why, draft, lead):
    with pytest.raises(ValidationError):
        add(draft, lead, grade=grade, why=why)
    assert not draft.examples.exists()


def test_what_reviewers_may_not_see_is_no_example(draft, lead):
    with pytest.raises(PairWithdrawnError):
        add(draft, lead, scene=make_scene(judging_allowed=False))
    with pytest.raises(PairWithdrawnError):
        add(draft, lead, clip=make_clip(removed_in=2))
    assert not draft.examples.exists()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_photo_that_is_deleted_in_this_moment_is_no_example(draft, lead):
    scene, clip = make_scene(), make_clip()
    with pytest.raises(PairWithdrawnError):
        call_meanwhile(
            lambda: delete_scene(scene_id=scene.pk, reason=DeletedScene.Reason.VISITOR),
            lambda: add(draft, lead, scene=scene, clip=clip),
        )
    assert not GuidelineExample.objects.exists()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_next_version_leaves_out_a_photo_that_is_deleted_in_this_moment(draft, lead):
    gone, stays = add(draft, lead), add(draft, lead)
    published = publish_guideline(guideline_id=draft.pk, lead_id=lead.pk)
    call_meanwhile(
        lambda: delete_scene(scene_id=gone.scene_id, reason=DeletedScene.Reason.VISITOR),
        lambda: next_version(guideline_id=published.pk, lead_id=lead.pk),
    )
    copied = GuidelineExample.objects.exclude(guideline=published)
    assert [example.scene_id for example in copied] == [stays.scene_id]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_draft_that_a_campaign_takes_in_this_moment_stays(draft, lead):
    with pytest.raises(WrongStateError):
        call_meanwhile(
            lambda: campaigns.make_campaign(
                lead_id=lead.pk, name="Spring", photo_set=make_set(), guideline=draft,
                matchers=["paper"], size=10,
            ),
            lambda: delete_guideline(guideline_id=draft.pk, lead_id=lead.pk),
        )  # fmt: skip
    assert Guideline.objects.get() == draft


def test_examples_are_shown_by_grade_while_their_photo_may_be(draft, lead):
    bad, good, decent = (add(draft, lead, grade=grade) for grade in ("bad", "good", "decent"))
    gone = add(draft, lead)
    Scene.objects.filter(pk=gone.scene_id).update(judging_allowed=False)
    assert showable_examples(draft.pk) == [good, decent, bad]


def test_a_draft_that_no_campaign_uses_can_be_deleted(draft, lead):
    campaign = make_campaign(state=CampaignState.DRAFT, guideline=draft)
    with pytest.raises(WrongStateError):
        delete_guideline(guideline_id=draft.pk, lead_id=lead.pk)
    campaign.delete()
    delete_guideline(guideline_id=draft.pk, lead_id=lead.pk)
    assert not Guideline.objects.exists()


def test_the_list_has_counts_in_one_query(published, lead, django_assert_num_queries):
    make_campaign(guideline=published)
    make_campaign(guideline=published)
    second = next_version(guideline_id=published.pk, lead_id=lead.pk)
    add(second, lead)
    with django_assert_num_queries(1):
        listed = [vars(one) for one in guidelines()]
    facts = ("version", "example_count", "campaign_count")
    assert [tuple(one[fact] for fact in facts) for one in listed] == [(2, 2, 0), (1, 1, 2)]
