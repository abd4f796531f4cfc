"""Constraints of repeated searches: each test violates one and expects its name."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from retrieval.models import SceneRematch
from retrieval.tests.photos import accepted

pytestmark = pytest.mark.django_db

NOW = timezone.now()
DONE = {"state": "done", "finished_at": NOW}
HELD = {"state": "processing", "lease_owner": "w", "lease_expires_at": NOW}


@pytest.fixture
def scene(media_root):
    return accepted()


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"state": "resting"}, "state_known"),
        ({"attempts": 4}, "attempts_bounded"),
        (DONE | {"finished_at": None}, "finished_has_time"),
        ({"state": "failed", "finished_at": NOW}, "failed_has_code"),
        (HELD | {"lease_owner": ""}, "processing_has_lease"),
        ({"matcher": ""}, "has_matcher"),
    ],
)
def test_constraints_of_a_rematch(scene, fields, constraint):
    with pytest.raises(IntegrityError, match=f"retrieval_scenerematch_{constraint}"):
        SceneRematch.objects.create(scene=scene, **{"matcher": "paper"} | fields)


@pytest.mark.parametrize("fields", [{}, HELD])
def test_a_scene_has_one_open_rematch_by_a_matcher(scene, fields):
    SceneRematch.objects.create(scene=scene, matcher="paper", **DONE)
    SceneRematch.objects.create(scene=scene, matcher="paper", **HELD)
    SceneRematch.objects.create(scene=scene, matcher="fused")
    with (
        pytest.raises(IntegrityError, match="retrieval_scenerematch_open_once"),
        transaction.atomic(),
    ):
        SceneRematch.objects.create(scene=scene, matcher="paper", **fields)
