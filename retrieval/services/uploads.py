"""Receive an uploaded photo: check its sender's limits, decode it, store it as a scene."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from accounts.services.erasure import lock_account
from retrieval.decoding.answers import DecodedPhoto
from retrieval.decoding.web_pool import photo_pool
from retrieval.engine.errors import DecodeError
from retrieval.engine.matching.matcher import Matcher
from retrieval.models import JobState, Scene
from retrieval.quotas.daily import check_quota, count_upload
from retrieval.quotas.limits import Allowance
from retrieval.quotas.rates import check_rate
from retrieval.selectors.library import library_state
from retrieval.selectors.matchers import matcher_in_force
from retrieval.selectors.scenes import queued_count, stored_run
from retrieval.services.runs import model_versions
from retrieval.storage import content_store
from retrieval.storage.content_locks import lock_shared

logger = logging.getLogger(__name__)

_FOLDER: Final = "photos"
_PHOTO_SUFFIX: Final = ".jpg"
_INPUT_SUFFIX: Final = ".views"


class QueueFullError(Exception):
    """The queue has reached its limit: one more photo would wait too long."""

    code = "queue_full"


def receive_photo(
    *,
    content: bytes,
    allowances: Sequence[Allowance],
    owner_id: int | None,
    judging_allowed: bool = False,
) -> Scene:
    """Check a photo against its sender's limits, decode it and store it as a scene.

    The cheapest check comes first. The scene is done at once if a run for the same photo is stored.

    Raises
    ------
    LimitExceededError
        With code ``rate_limited``, ``quota_photos`` or ``quota_bytes``.
    DecodeError
        If the photo cannot be decoded, or no decoder is available.
    QueueFullError
        If too many photos are queued.
    AccountClosedError
        If the owner's account was closed while the photo was decoded.
    StorageError
        If its files cannot be stored.
    """
    check_rate(allowances)
    check_quota(allowances, byte_size=len(content))
    decoded = _decode(content, allowances)
    with transaction.atomic():
        scene = create_scene(
            decoded=decoded,
            matcher=matcher_in_force(settings.SOUNDSCAPE_MATCHER),
            queue_limit=settings.SOUNDSCAPE_QUEUE_LIMIT,
            owner_id=owner_id,
            judging_allowed=judging_allowed,
        )
        count_upload(allowances, byte_size=len(content))  # last: it locks rows that others need
    logger.info("scene %s accepted, %s", scene.pk, scene.state)
    return scene


@transaction.atomic
def create_scene(
    *,
    decoded: DecodedPhoto,
    matcher: Matcher,
    queue_limit: int,
    owner_id: int | None,
    judging_allowed: bool = False,
) -> Scene:
    """Store a decoded photo as a scene: done if a run for it is stored, otherwise queued.

    Raises
    ------
    AccountClosedError
        If the owner's account is closed; nothing is stored.
    QueueFullError
        If `queue_limit` photos are queued already; nothing is stored.
    """
    if owner_id is not None:
        lock_account(user_id=owner_id)
    lock_shared(decoded.sha256)  # keeps the stored run until this scene refers to it
    run = stored_run(
        decoded.sha256,
        matcher=matcher,
        model_versions=model_versions(matcher=matcher),
        snapshot=library_state().snapshot,
    )
    if run is None and queued_count() >= queue_limit:
        raise QueueFullError(f"{queue_limit} photos are queued already.")
    scene = Scene(
        owner_id=owner_id,
        photo_sha256=decoded.sha256,
        photo=_store(decoded.web_image, suffix=_PHOTO_SUFFIX),
        model_input=_store(decoded.views.tobytes(), suffix=_INPUT_SUFFIX),
        width_px=decoded.width_px,
        height_px=decoded.height_px,
        judging_allowed=judging_allowed,
    )
    # No `full_clean()`: the values are the program's own, and the insert checks the constraints;
    # to ask the database for each of them first takes three statements.
    if run is None:
        scene.save(force_insert=True)
    else:  # finished by the database's clock, like `created_at`
        scene.run, scene.state, scene.finished_at = run, JobState.DONE, Now()
        scene.save(force_insert=True)
        scene.refresh_from_db(fields=["finished_at"])
    return scene


def _decode(content: bytes, allowances: Sequence[Allowance]) -> DecodedPhoto:
    """Decode a photo; a faulty one counts towards the quota, because it costs as much."""
    try:
        return photo_pool().decode_photo(content)
    except DecodeError as error:
        if not error.decoder_unavailable:
            count_upload(allowances, byte_size=len(content))
        raise


def _store(content: bytes, *, suffix: str) -> str:
    """Store a content under its own hash, which `check_media` verifies."""
    return content_store.keep_bytes(
        content, folder=_FOLDER, sha256=content_store.sha256_of_bytes(content), suffix=suffix
    )
