"""Labelling in the admin: its lists take the same queries for many rows, and change nothing."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.roles import Role
from accounts.tests.role_holders import make_person
from labelling import models
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
    models.Adjudication, models.Answer, models.Campaign, models.FrozenReport, models.GoldPair,
    models.Grade, models.Guideline, models.Pair, models.PhotoImport, models.PhotoSet,
    models.Reviewer, models.SetPhoto, models.Skip, models.Slot,
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
        grade_pair(pair, make_reviewer(make_person(f"grader{one}", Role.REVIEWER)), "bad")
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


def test_all_of_labelling_is_in_the_admin():
    registered = {one for one in admin.site._registry if one._meta.app_label == "labelling"}
    assert registered == set(LISTED)


def test_librarians_see_none_of_it():
    client = Client()
    client.force_login(make_person("libby", Role.LIBRARIAN))
    assert {client.get(page_of(model)).status_code for model in LISTED} == {403}
