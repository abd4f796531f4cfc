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


def is_over(held):
    """Whether the lease as it stands now ran out, by the database's clock."""
    return Scene.objects.filter(pk=held.pk, lease_expires_at__lt=Now()).exists()


def expiry(held):
    return Scene.objects.get(pk=held.pk).lease_expires_at


def test_a_lease_is_renewed_while_the_work_lasts_and_no_longer(held):
    with leases.kept(held, lease=SHORT) as lease:
        first = expiry(held)
        until(lambda: expiry(held) > first + 2 * SHORT)
        assert not lease.is_lost
    until(lambda: is_over(held))
    assert transitions.release_expired(Scene) == 1


def test_work_that_is_somebody_elses_by_now_is_known_to_be_lost(held):
    with leases.kept(held, lease=SHORT) as lease:
        transitions.release_owned(Scene, owner="w1")
        assert transitions.claim(Scene, held.pk, owner="w2", lease=timedelta(minutes=1)) is not None
        until(lambda: lease.is_lost)
    assert Scene.objects.get(pk=held.pk).lease_owner == "w2"


def test_the_lease_ends_with_work_that_fails(held):
    with pytest.raises(OSError, match="disk"), leases.kept(held, lease=SHORT):
        raise OSError("disk")
    until(lambda: is_over(held))
