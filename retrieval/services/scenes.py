"""Uploaded photos: accept them, find their sounds."""

from __future__ import annotations

import logging
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models.functions import Now
from numpy.typing import NDArray

from retrieval.decoding.pool import DecodedPhoto
from retrieval.engine.errors import EngineError, ModelInputError
from retrieval.engine.matching.matcher import Matcher
from retrieval.jobs import leases, transitions
from retrieval.models import JobState, Scene
from retrieval.selectors.library import library_state
from retrieval.selectors.scenes import queued_count, stored_run
from retrieval.services.matching import SoundFinder
from retrieval.services.runs import model_versions, store_run
from retrieval.storage import content_store
from retrieval.storage.content_locks import share_lock

logger = logging.getLogger(__name__)

MATCHES_KEPT: Final = 20
_FOLDER: Final = "photos"
_PHOTO_SUFFIX: Final = ".jpg"
_INPUT_SUFFIX: Final = ".views"


class QueueFullError(Exception):
    """So many photos wait that one more would wait too long."""


@transaction.atomic
def accept_photo(
    decoded: DecodedPhoto, *, matcher: Matcher, queue_limit: int, owner_id: int | None = None
) -> Scene:
    """Keep a photo and owe it its sounds; what was found for the same photo is found at once.

    Raises
    ------
    QueueFullError
        If `queue_limit` photos wait already; nothing is kept.
    """
    share_lock(decoded.sha256)  # what was found for this photo stays until this scene refers to it
    run = stored_run(
        decoded.sha256,
        matcher=matcher.name,
        matcher_version=matcher.version,
        model_versions=model_versions(matcher),
        bank=matcher.bank.version,
        snapshot=library_state().snapshot,
    )
    if run is None and queued_count() >= queue_limit:
        raise QueueFullError(f"{queue_limit} photos wait already.")
    scene = Scene(
        owner_id=owner_id,
        photo_sha256=decoded.sha256,
        photo=_kept(decoded.web_image, suffix=_PHOTO_SUFFIX),
        model_input=_kept(decoded.views.tobytes(), suffix=_INPUT_SUFFIX),
        width_px=decoded.width_px,
        height_px=decoded.height_px,
    )
    scene.full_clean()
    if run is None:
        scene.save(force_insert=True)
    else:  # finished by the database's clock, by which it came, too
        scene.run, scene.state, scene.finished_at = run, JobState.DONE, Now()
        scene.save(force_insert=True)
        scene.refresh_from_db(fields=["finished_at"])
    return scene


def find_sounds(scene_id: UUID, *, finder: SoundFinder, worker: str) -> None:
    """Do the work that a queued scene is owed, if it still is.

    Profile, matches and the scene's state are written in one transaction, fenced by the attempt.
    """
    held = transitions.claim(Scene, scene_id, owner=worker, lease=leases.LEASE)
    if held is None:
        logger.info("scene %s is not queued: nothing to do", scene_id)
        return
    with leases.kept(held):
        _work_off(held, finder=finder)


def _work_off(held: transitions.Claim, *, finder: SoundFinder) -> None:
    scene = Scene.objects.filter(pk=held.pk).first()
    if scene is None:
        raise transitions.StaleClaimError(f"scene {held.pk} was deleted as its work began")
    try:
        seen = finder.look(_model_input(scene, finder))
        transitions.note(held, looked_at=Now())
        results = finder.search_all(seen, top=MATCHES_KEPT)
    except EngineError as error:
        logger.warning("scene %s failed: %s [%s]", scene.pk, error.detail, error.code)
        transitions.fail(held, code=error.code, detail=error.detail)
        return
    with transaction.atomic():
        run, *_ = [store_run(scene.photo_sha256, result=result) for result in results]
        transitions.finish(held, run=run)
    logger.info(
        "scene %s done: attempt %d, best clip %s",
        scene.pk,
        held.attempt,
        results[0].found[0].clip.pk,
    )


def _kept(content: bytes, *, suffix: str) -> str:
    """Store a content under its own hash, not the upload's: `check_media` can prove it then."""
    return content_store.keep_bytes(
        content, folder=_FOLDER, sha256=content_store.sha256_of_bytes(content), suffix=suffix
    )


def _model_input(scene: Scene, finder: SoundFinder) -> NDArray[np.uint8]:
    with scene.model_input.open("rb") as stream:
        raw: Any = stream.read()
    pixels = np.frombuffer(raw, dtype=np.uint8)
    view_bytes = int(np.prod(finder.input_shape))
    if not pixels.size or pixels.size % view_bytes:
        raise ModelInputError(
            f"{scene.model_input.name} holds {pixels.size} bytes, no whole views of "
            f"{finder.input_shape}"
        )
    return pixels.reshape(-1, *finder.input_shape)
