"""Find the sounds of a queued scene."""

from __future__ import annotations

import logging
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models.functions import Now
from numpy.typing import NDArray

from retrieval.engine.errors import EngineError, ModelInputError
from retrieval.jobs import leases, transitions
from retrieval.models import Scene
from retrieval.selectors.clip_filters import ClipFilter
from retrieval.selectors.scenes import scene_with_run
from retrieval.services.matching import SoundFinder
from retrieval.services.rankers.database_rows import RankerUnavailableError
from retrieval.services.runs import store_run

logger = logging.getLogger(__name__)

MATCHES_KEPT: Final = 20


def find_sounds(*, scene_id: UUID, finder: SoundFinder, worker: str) -> None:
    """Match a scene with the library, if it is queued.

    Profiles, matches and the scene's state are written in one transaction, fenced by the attempt.
    While the database of the rows does not work, the scene is queued again, however often.
    """
    held = transitions.claim(Scene, scene_id, owner=worker, lease=leases.LEASE)
    if held is None:
        logger.info("scene %s is not queued: nothing to do", scene_id)
        return
    with leases.renewed(held):
        _match(held, finder=finder)


def _match(held: transitions.Claim, *, finder: SoundFinder) -> None:
    scene = scene_with_run(held.pk)
    if scene is None:
        raise transitions.StaleClaimError(f"scene {held.pk} was deleted after it was claimed")
    try:
        seen = finder.classify(model_input(scene=scene, finder=finder))
        transitions.note(held, looked_at=Now())
        clip_filter = ClipFilter.of_json(scene.clip_filter)
        results = finder.search_all(seen, top=MATCHES_KEPT, clip_filter=clip_filter)
    except RankerUnavailableError as error:
        logger.warning("scene %s waits: %s", scene.pk, error.detail)
        transitions.pause(held)
        return
    except EngineError as error:
        logger.warning("scene %s failed: %s [%s]", scene.pk, error.detail, error.code)
        transitions.fail(held, code=error.code, detail=error.detail)
        return
    with transaction.atomic():
        run, *_ = [store_run(photo_sha256=scene.photo_sha256, result=result) for result in results]
        transitions.finish(held, run=run)
    best = [found.clip.pk for found in results[0].found[:1]]
    logger.info("scene %s done: attempt %d, best clip %s", scene.pk, held.attempt, best)


def model_input(*, scene: Scene, finder: SoundFinder) -> NDArray[np.uint8]:
    """Return the views of a scene's photo as the image network takes them."""
    with scene.model_input.open("rb") as stream:
        raw: Any = stream.read()
    pixels = np.frombuffer(raw, dtype=np.uint8)
    view_bytes = int(np.prod(finder.input_shape))
    if not pixels.size or pixels.size % view_bytes:
        raise ModelInputError(
            f"{scene.model_input.name} has {pixels.size} bytes, not a whole number of views of "
            f"shape {finder.input_shape}"
        )
    return pixels.reshape(-1, *finder.input_shape)
