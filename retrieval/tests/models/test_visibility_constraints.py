"""Constraints on who sees a photo, and on reports: each test violates one and expects its name."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils import timezone

from retrieval.models import Scene, SceneReport, Visibility
from retrieval.tests.photos import accepted

pytestmark = pytest.mark.django_db

HIDDEN = SceneReport.Decision.HIDDEN


@pytest.fixture
def scene(media_root):
    return accepted()


def refused(name):
    return pytest.raises(IntegrityError, match=f"retrieval_{name}")


def change(scene, **fields):
    with transaction.atomic():
        Scene.objects.filter(pk=scene.pk).update(**fields)


def report(scene, **fields):
    values = {"reason": "other", "reporter_key": "address:1"}
    with transaction.atomic():
        return SceneReport.objects.create(scene=scene, **values | fields)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"visibility": "friends"}, "scene_visibility_known"),
        ({"visibility": Visibility.PRIVATE, "judging_allowed": True}, "scene_private_unjudged"),
        ({"hidden_at": timezone.now()}, "scene_hidden_has_reason"),
        ({"hidden_reason": "A face"}, "scene_hidden_has_reason"),
    ],
)
def test_constraints_of_visibility(scene, fields, constraint):
    with refused(constraint):
        change(scene, **fields)


def test_what_a_photo_may_be(scene):
    for visibility in Visibility:
        change(scene, visibility=visibility)
    change(scene, visibility=Visibility.UNLISTED, judging_allowed=True)
    change(scene, hidden_at=timezone.now(), hidden_reason="A face")


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"reason": "spite"}, "scenereport_reason_known"),
        ({"decision": "later", "decided_at": timezone.now()}, "scenereport_decided_has_time"),
        ({"decision": HIDDEN}, "scenereport_decided_has_time"),
        ({"decided_at": timezone.now()}, "scenereport_decided_has_time"),
    ],
)
def test_constraints_of_a_report(scene, fields, constraint):
    with refused(constraint):
        report(scene, **fields)


def test_a_sender_has_one_open_report_of_a_photo(scene):
    report(scene)
    with refused("scenereport_open_once"):
        report(scene)
    report(scene, reporter_key="address:2")
    report(accepted(1))
    for _ in range(2):
        report(scene, decision=HIDDEN, decided_at=timezone.now())


def test_every_reason_is_known_to_the_database(scene):
    for number, reason in enumerate(SceneReport.Reason):
        report(scene, reason=reason, reporter_key=f"address:{number}")


def test_a_decision_outlives_the_account_of_its_operator(scene):
    olga = get_user_model().objects.create_superuser("olga")
    decided = report(scene, decision=HIDDEN, decided_at=timezone.now(), decided_by=olga)
    olga.delete()
    decided.refresh_from_db()
    assert decided.decided_by is None
