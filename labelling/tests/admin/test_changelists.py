"""Labelling in the admin: its lists take the same queries for many rows, and change nothing."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tests.role_holders import make_person
from labelling import models
from labelling.tests.answering import lease_on
from labelling.tests.factories import (
    make_campaign,
    make_frozen_report,
    make_gold_pairs,
    make_pairs,
    make_reviewer,
)
from labelling.tests.views.answers import grade_pair, skip_pair
from retrieval.models import JobState

pytestmark = pytest.mark.django_db

LISTED = [
    models.Adjudication, models.Admission, models.Answer, models.Campaign, models.FrozenReport,
    models.GoldPair, models.Grade, models.Guideline, models.LostLease, models.Pair,
    models.PhotoImport, models.PhotoSet, models.Reopening, models.Reviewer, models.SetPhoto,
    models.Skip, models.Slot,
]  # fmt: skip


@pytest.fixture
def operator():
    return make_person("olga", Role.OPERATOR)


@pytest.fixture
def browser(operator):
    client = Client()
    client.force_login(operator)
    return client


def add_rows(number, start, lead):
    """Add rows of all models, each with related rows of its own."""
    for one in range(start, start + number):
        campaign = make_campaign(made_by=lead)
        make_frozen_report(campaign, made_by=lead)
        scene = make_gold_pairs(campaign, 1)[0].scene
        (pair,) = make_pairs(campaign, 1)
        models.SetPhoto.objects.create(
            photo_set=campaign.photo_set, scene=scene, photo_sha256=scene.photo_sha256
        )
        models.PhotoImport.objects.create(
            photo_set=campaign.photo_set, file_name="a.zip", requested_by=lead,
            state=JobState.QUEUED,
        )  # fmt: skip
        grader = make_reviewer(make_person(f"grader{one}", Role.REVIEWER))
        grade_pair(pair, grader, "bad")
        models.Admission.objects.create(campaign=campaign, reviewer=grader, lead=lead)
        models.LostLease.objects.create(token=uuid4(), pair=pair, reviewer=grader)
        models.Reopening.objects.create(pair=pair, lead=lead, reason="A mistake.")
        lease_on(make_pairs(campaign, 1)[0], grader)
        skip_pair(pair, make_reviewer(make_person(f"skipper{one}", Role.REVIEWER)), "unsure")
        models.Adjudication.objects.create(pair=pair, lead=lead, grade="bad", reason="Voices.")


def page_of(model):
    return reverse(f"admin:labelling_{model._meta.model_name}_changelist")


def queries_of(browser):
    counts = {}
    for model in LISTED:
        browser.get(page_of(model))
        with CaptureQueriesContext(connection) as captured:
            answer = browser.get(page_of(model))
        assert answer.status_code == 200
        counts[model.__name__] = len(captured)
    return counts


def test_lists_take_as_many_queries_for_30_rows_as_for_3(browser, operator):
    add_rows(3, 0, operator)
    few = queries_of(browser)
    add_rows(27, 3, operator)
    assert queries_of(browser) == few
    assert models.Grade.objects.count() == 30


@pytest.mark.parametrize("model", LISTED)
def test_rows_are_shown_and_found_but_not_changed(browser, operator, model):
    add_rows(1, 0, operator)
    row = model._default_manager.first()
    name = f"labelling_{model._meta.model_name}"
    shown = browser.get(reverse(f"admin:{name}_change", args=[row.pk]))
    assert shown.status_code == 200
    assert b'name="_save"' not in shown.content
    assert browser.get(page_of(model), {"q": "a"}).status_code == 200
    assert browser.get(reverse(f"admin:{name}_add")).status_code == 403
    assert (
        browser.post(reverse(f"admin:{name}_delete", args=[row.pk]), {"post": "yes"}).status_code
        == 403
    )


def test_tokens_of_leases_are_not_shown(browser, operator):
    add_rows(1, 0, operator)
    slot = models.Slot.objects.exclude(token=None).earliest("pk")
    page = browser.get(reverse("admin:labelling_slot_change", args=[slot.pk])).content.decode()
    assert str(slot.token) not in page
    lost = models.LostLease.objects.get()
    page = browser.get(page_of(models.LostLease)).content.decode()
    assert str(lost.reviewer) in page
    assert str(lost.token) not in page


def test_campaigns_are_listed_with_their_progress(browser, operator):
    add_rows(1, 0, operator)
    models.Pair.objects.filter(purpose="sample", position=2).update(state="settled")
    assert "1 of 2" in browser.get(page_of(models.Campaign)).content.decode()


def test_reviewers_are_listed_with_what_they_hold(browser, operator):
    add_rows(1, 0, operator)
    holder = models.Reviewer.objects.get(user__username="grader0")
    lease_on(make_pairs(make_campaign(), 1)[0], holder)
    listed = browser.get(page_of(models.Reviewer), {"o": "-3"}).context["cl"].result_list
    assert [(str(one), one.held) for one in listed] == [("grader0", 2), ("skipper0", 0)]
    held = holder.slots.filter(state=models.Slot.State.LEASED)
    assert listed[0].held_until == held.latest("leased_until").leased_until


def release(client, *reviewers):
    return client.post(
        page_of(models.Reviewer),
        {"action": "release", "_selected_action": [one.pk for one in reviewers]},
        follow=True,
    )


def test_leases_of_several_reviewers_are_released_at_once(browser, operator):
    add_rows(3, 0, operator)
    first, second, third = models.Reviewer.objects.filter(user__username__startswith="grader")
    lease_on(make_pairs(make_campaign(), 1)[0], first)
    answer = release(browser, first, second)
    assert [str(one) for one in answer.context["messages"]] == [
        "3 pairs are released: others can grade them."
    ]
    held = models.Slot.objects.filter(state=models.Slot.State.LEASED)
    assert set(held.values_list("reviewer", flat=True)) == {third.pk}
    entries = AuditEntry.objects.filter(action="campaign.leases_released", actor_id=operator.pk)
    assert sorted(entry.detail["leases"] for entry in entries) == [1, 1, 1]


def test_who_may_only_look_releases_nothing(operator):
    add_rows(1, 0, operator)
    looking = make_person("luke", Role.LIBRARIAN)
    looking.user_permissions.add(Permission.objects.get(codename="view_reviewer"))
    client = Client()
    client.force_login(looking)
    assert client.get(page_of(models.Reviewer)).status_code == 200
    release(client, models.Reviewer.objects.get(user__username="grader0"))
    assert models.Slot.objects.filter(state=models.Slot.State.LEASED).exists()


def test_all_of_labelling_is_in_the_admin():
    registered = {one for one in admin.site._registry if one._meta.app_label == "labelling"}
    assert registered == set(LISTED)


def test_librarians_see_none_of_it():
    client = Client()
    client.force_login(make_person("libby", Role.LIBRARIAN))
    assert {client.get(page_of(model)).status_code for model in LISTED} == {403}
