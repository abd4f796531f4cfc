"""Uploaded photos: accept them, find their sounds."""

from __future__ import annotations

import logging
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from numpy.typing import NDArray

from retrieval import media
from retrieval.decoding import DecodedPhoto
from retrieval.engine.errors import EngineError, ModelInputError
from retrieval.engine.matchers import Matcher
from retrieval.models import JobState, Scene
from retrieval.selectors.library import library_state
from retrieval.selectors.scenes import queued_count, stored_run
from retrieval.services import jobs, leases
from retrieval.services.matching import SoundFinder
from retrieval.services.runs import model_versions, store_run

logger = logging.getLogger(__name__)

MATCHES_KEPT: Final = 20
_PHOTO_SUFFIX: Final = ".jpg"
_INPUT_SUFFIX: Final = ".rgb"


class QueueFullError(Exception):
    """So many photos wait that one more would wait too long."""


def accept_photo(
    decoded: DecodedPhoto, *, matcher: Matcher, queue_limit: int, owner_id: int | None = None
) -> Scene:
    """Keep a photo and owe it its sounds; what was found for the same photo is found at once.

    Raises
    ------
    QueueFullError
        If `queue_limit` photos wait already; nothing is kept.
    """
    run = stored_run(
        decoded.sha256,
        matcher=matcher.name,
        matcher_version=matcher.version,
        model_versions=model_versions(matcher),
        snapshot=library_state().snapshot,
    )
    if run is None and queued_count() >= queue_limit:
        raise QueueFullError(f"{queue_limit} photos wait already.")
    scene = Scene(
        owner_id=owner_id,
        photo_sha256=decoded.sha256,
        photo=media.keep_bytes(
            decoded.web_image, folder="photos", sha256=decoded.sha256, suffix=_PHOTO_SUFFIX
        ),
        model_input=media.keep_bytes(
            decoded.pixels.tobytes(), folder="photos", sha256=decoded.sha256, suffix=_INPUT_SUFFIX
        ),
        width_px=decoded.width_px,
        height_px=decoded.height_px,
    )
    if run is not None:
        scene.run, scene.state, scene.finished_at = run, JobState.DONE, timezone.now()
    scene.full_clean()
    scene.save(force_insert=True)
    return scene


def find_sounds(scene_id: UUID, *, finder: SoundFinder, worker: str) -> None:
    """Do the work that a queued scene is owed, if it still is.

    Profile, matches and the scene's state are written in one transaction, fenced by the attempt.
    """
    held = jobs.claim(Scene, scene_id, owner=worker, lease=leases.LEASE)
    if held is None:
        logger.info("scene %s is not queued: nothing to do", scene_id)
        return
    with leases.kept(held):
        _work_off(held, finder=finder)


def _work_off(held: jobs.Claim, *, finder: SoundFinder) -> None:
    scene = Scene.objects.get(pk=held.pk)
    try:
        profiles = finder.profile(_model_input(scene, finder))
        jobs.note(held, looked_at=Now())
        result = finder.search(profiles, top=MATCHES_KEPT)
    except EngineError as error:
        logger.warning("scene %s failed: %s [%s]", scene.pk, error.detail, error.code)
        jobs.fail(held, code=error.code, detail=error.detail)
        return
    with transaction.atomic():
        run = store_run(scene.photo_sha256, matcher=finder.matcher, scene=profiles, result=result)
        jobs.finish(held, run=run)
    logger.info(
        "scene %s done: attempt %d, best clip %s", scene.pk, held.attempt, result.found[0].clip.pk
    )


def _model_input(scene: Scene, finder: SoundFinder) -> NDArray[np.uint8]:
    with scene.model_input.open("rb") as stream:
        raw: Any = stream.read()
    pixels = np.frombuffer(raw, dtype=np.uint8)
    if pixels.size != np.prod(finder.input_shape):
        raise ModelInputError(
            f"{scene.model_input.name} holds {pixels.size} bytes, not {finder.input_shape}"
        )
    return pixels.reshape(finder.input_shape)
