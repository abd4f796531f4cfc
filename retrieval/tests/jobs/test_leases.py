from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from retrieval.jobs import leases, transitions
from retrieval.models import Scene

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

SHORT = timedelta(seconds=0.3)


def until(condition):
    deadline = time.monotonic() + 100 * SHORT.total_seconds()
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def held():
    scene = Scene.objects.create(
        photo_sha256="ab" * 32, photo="p.jpg", model_input="p.rgb", width_px=3, height_px=2
    )
    held = transitions.claim(Scene, scene.pk, owner="w1", lease=SHORT)
    assert held is not None
    return held


def has_expired(held):
    """Return whether the lease has expired on the database's clock."""
    return Scene.objects.filter(pk=held.pk, lease_expires_at__lt=Now()).exists()


def expiry(held):
    return Scene.objects.get(pk=held.pk).lease_expires_at


def test_a_lease_is_renewed_until_the_work_ends(held):
    with leases.renewed(held, lease=SHORT) as lost:
        first = expiry(held)
        until(lambda: expiry(held) > first + 2 * SHORT)
        assert not lost.is_set()
    until(lambda: has_expired(held))
    assert transitions.release_expired(Scene) == 1


def test_a_lease_that_another_worker_took_is_lost(held):
    with leases.renewed(held, lease=SHORT) as lost:
        transitions.release_owned(Scene, owner="w1")
        assert transitions.claim(Scene, held.pk, owner="w2", lease=timedelta(minutes=1)) is not None
        until(lost.is_set)
    assert Scene.objects.get(pk=held.pk).lease_owner == "w2"


def test_a_lease_is_not_renewed_after_an_error(held):
    with pytest.raises(OSError, match="disk"), leases.renewed(held, lease=SHORT):
        raise OSError("disk")
    until(lambda: has_expired(held))
