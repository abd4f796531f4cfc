"""The only module that wakes workers, and only after the database has what they need."""

from __future__ import annotations

import logging
from uuid import UUID

from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

from retrieval.decoding import DecodedPhoto
from retrieval.engine.matchers import matcher_named
from retrieval.models import JobState, Scene
from retrieval.selectors.scenes import overdue_scene_ids
from retrieval.services.jobs import release_expired
from retrieval.services.scenes import accept_photo
from retrieval.tasks import find_sounds_for_scene

logger = logging.getLogger(__name__)


def submit_photo(decoded: DecodedPhoto, *, owner_id: int | None = None) -> Scene:
    """Accept a photo and wake a worker for it.

    Raises
    ------
    QueueFullError
        If too many photos wait already.
    """
    with transaction.atomic():
        scene = accept_photo(
            decoded,
            matcher=matcher_named(settings.SOUNDSCAPE_MATCHER),
            queue_limit=settings.SOUNDSCAPE_QUEUE_LIMIT,
            owner_id=owner_id,
        )
        if scene.state == JobState.QUEUED:
            transaction.on_commit(lambda: _wake(scene.pk))
    return scene


def wake_overdue() -> int:
    """Queue again what lost its worker, wake workers for what nobody took; return how many."""
    released = release_expired(Scene)
    overdue = overdue_scene_ids()
    for scene_id in overdue:
        _wake(scene_id)
    return released + len(overdue)


def _wake(scene_id: UUID) -> None:
    """Send a wake-up. One that is lost costs time only: the sweeper sends it again."""
    try:
        find_sounds_for_scene.delay(str(scene_id))
    except OperationalError as error:
        logger.warning("no broker to wake a worker for scene %s: %s", scene_id, error)
