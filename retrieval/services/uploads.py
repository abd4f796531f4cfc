"""Receive an uploaded photo: check its sender's limits, decode it, store it as a scene."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from accounts.services.erasure import AccountClosedError, lock_account
from retrieval.decoding.answers import DecodedPhoto
from retrieval.decoding.web_pool import photo_pool
from retrieval.engine.errors import DecodeError
from retrieval.engine.matching.matcher import Matcher
from retrieval.jobs.announcing import announce_end
from retrieval.models import JobState, Scene, Visibility
from retrieval.quotas.daily import check_quota, count_upload
from retrieval.quotas.limits import Allowance, LimitExceededError
from retrieval.quotas.rates import check_rate
from retrieval.selectors.clip_filters import EVERY_CLIP, ClipFilter
from retrieval.selectors.library import library_state
from retrieval.selectors.matchers import matcher_in_force
from retrieval.selectors.scenes import queued_count, stored_run
from retrieval.services.runs import model_versions
from retrieval.storage import content_store
from retrieval.storage.content_locks import lock_shared
from retrieval.storage.content_store import StorageError

logger = logging.getLogger(__name__)

_FOLDER: Final = "photos"
_PHOTO_SUFFIX: Final = ".jpg"
_INPUT_SUFFIX: Final = ".views"
_MOST_SECONDS_OF_DECODING: Final = 60.0
"""Of many photos sent at once: the request holds a thread of the web server."""


class QueueFullError(Exception):
    """The queue has reached its limit: one more photo would wait too long."""

    code = "queue_full"


Refusal = AccountClosedError | DecodeError | LimitExceededError | QueueFullError | StorageError
"""Why a photo was not accepted; nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class SentPhoto:
    """One of several photos that arrived together; its content is read when it is decoded."""

    read: Callable[[], bytes]
    title: str = ""
    visibility: Visibility = Visibility.UNLISTED
    judging_allowed: bool = False
    clip_filter: ClipFilter = EVERY_CLIP


@dataclass(frozen=True, slots=True)
class _Seen:
    """A photo before it is stored; the refusal may be one that counts towards the quota."""

    byte_size: int
    outcome: DecodedPhoto | Refusal


def receive_photo(
    *,
    content: bytes,
    allowances: Sequence[Allowance],
    owner_id: int | None,
    judging_allowed: bool = False,
    title: str = "",
    visibility: Visibility = Visibility.UNLISTED,
    clip_filter: ClipFilter = EVERY_CLIP,
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
    return _accept(
        decoded,
        byte_size=len(content),
        allowances=allowances,
        owner_id=owner_id,
        judging_allowed=judging_allowed,
        title=title,
        visibility=visibility,
        clip_filter=clip_filter,
    )


def receive_photos(
    *, photos: Sequence[SentPhoto], allowances: Sequence[Allowance], owner_id: int
) -> list[Scene | Refusal]:
    """Receive photos that arrived together; return for each its scene or why it was refused.

    All are decoded before the first is stored: the caller may have a transaction, and the locks of
    the sender's account and tally would keep the sender's other requests waiting.
    """
    ends_at = time.monotonic() + _MOST_SECONDS_OF_DECODING
    seen = [_see(photo, allowances, ends_at=ends_at) for photo in photos]
    return [
        _keep(photo, one, allowances=allowances, owner_id=owner_id)
        for photo, one in zip(photos, seen, strict=True)
    ]


def _see(photo: SentPhoto, allowances: Sequence[Allowance], *, ends_at: float) -> _Seen:
    """Check the limits and decode one of several photos, without counting it."""
    content = photo.read()
    try:
        if time.monotonic() > ends_at:
            raise DecodeError("the photos before it took too long", code="decoder_busy")
        check_rate(allowances)
        check_quota(allowances, byte_size=len(content))
        return _Seen(len(content), photo_pool().decode_photo(content))
    except (DecodeError, LimitExceededError) as error:
        return _Seen(len(content), error)


def _keep(
    photo: SentPhoto, seen: _Seen, *, allowances: Sequence[Allowance], owner_id: int
) -> Scene | Refusal:
    """Store one of several photos, or count it if it is faulty."""
    try:
        if isinstance(seen.outcome, DecodedPhoto):
            return _accept(
                seen.outcome,
                byte_size=seen.byte_size,
                allowances=allowances,
                owner_id=owner_id,
                judging_allowed=photo.judging_allowed,
                title=photo.title,
                visibility=photo.visibility,
                clip_filter=photo.clip_filter,
            )
        with transaction.atomic():
            lock_account(user_id=owner_id)  # before the tally, as for the photos that are stored
            _count_faulty(seen.outcome, allowances, byte_size=seen.byte_size)
    except (AccountClosedError, LimitExceededError, QueueFullError, StorageError) as error:
        return error
    return seen.outcome


def _accept(
    decoded: DecodedPhoto,
    *,
    byte_size: int,
    allowances: Sequence[Allowance],
    owner_id: int | None,
    judging_allowed: bool,
    title: str,
    visibility: Visibility,
    clip_filter: ClipFilter,
) -> Scene:
    with transaction.atomic():
        scene = create_scene(
            decoded=decoded,
            matcher=matcher_in_force(settings.SOUNDSCAPE_MATCHER),
            queue_limit=settings.SOUNDSCAPE_QUEUE_LIMIT,
            owner_id=owner_id,
            judging_allowed=judging_allowed,
            title=title,
            visibility=visibility,
            clip_filter=clip_filter,
        )
        count_upload(allowances, byte_size=byte_size)  # last: it locks rows that others need
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
    title: str = "",
    visibility: Visibility = Visibility.UNLISTED,
    clip_filter: ClipFilter = EVERY_CLIP,
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
        clip_filter=clip_filter.as_json(),
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
        title=title,
        visibility=visibility,
        clip_filter=clip_filter.as_json(),
    )
    # No `full_clean()`: the values are the program's own, and the insert checks the constraints;
    # to ask the database for each of them first takes three statements.
    if run is None:
        scene.save(force_insert=True)
    else:  # finished by the database's clock, like `created_at`
        scene.run, scene.state, scene.finished_at = run, JobState.DONE, Now()
        scene.save(force_insert=True)
        scene.refresh_from_db(fields=["finished_at"])
        if owner_id is not None:
            announce_end(Scene, [scene.pk])
    return scene


def _decode(content: bytes, allowances: Sequence[Allowance]) -> DecodedPhoto:
    """Decode a photo; a faulty one counts towards the quota, because it costs as much."""
    try:
        return photo_pool().decode_photo(content)
    except DecodeError as error:
        _count_faulty(error, allowances, byte_size=len(content))
        raise


def _count_faulty(error: Refusal, allowances: Sequence[Allowance], *, byte_size: int) -> None:
    if isinstance(error, DecodeError) and not error.decoder_unavailable:
        count_upload(allowances, byte_size=byte_size)


def _store(content: bytes, *, suffix: str) -> str:
    """Store a content under its own hash, which `check_media` verifies."""
    return content_store.keep_bytes(
        content, folder=_FOLDER, sha256=content_store.sha256_of_bytes(content), suffix=suffix
    )
