"""What workers do when they are woken: ids in, one service call."""

from __future__ import annotations

import os
import socket
from functools import cache
from uuid import UUID

from django.conf import settings

from retrieval.engine.matchers import matcher_named
from retrieval.engine.registry import ModelRegistry
from retrieval.services.jobs import StaleClaimError
from retrieval.services.matching import SoundFinder
from retrieval.services.scenes import find_sounds
from soundscape_site.task_policies import inference_task


@cache
def sound_finder() -> SoundFinder:
    """Return this process's finder; nothing is loaded before it is used."""
    return SoundFinder(
        matcher_named(settings.SOUNDSCAPE_MATCHER),
        registry=ModelRegistry(settings.SOUNDSCAPE_MODELS_DIRECTORY),
        index_directory=settings.SOUNDSCAPE_INDEX_DIRECTORY,
    )


@inference_task("find_sounds_for_scene", throws=(StaleClaimError,))
def find_sounds_for_scene(scene_id: str, **_: object) -> None:
    """Find the sounds of one scene. Unknown arguments of a newer release are ignored."""
    worker = f"{socket.gethostname()}:{os.getpid()}"
    find_sounds(UUID(scene_id), finder=sound_finder(), worker=worker)
