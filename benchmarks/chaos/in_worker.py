"""Code that the rig loads into its workers: mines, and a stand-in for the image model.

A photo in `FLAG_RGB` triggers the action in the file `flagged` each time it is classified.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from kombu.transport import redis as redis_transport
from numpy.typing import NDArray

from benchmarks.chaos import clock, mines
from benchmarks.chaos.steps import ACTIONS, FOLDER, with_step
from retrieval import tasks
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.engine.networks.weights import IMAGE_NETWORKS
from retrieval.engine.spaces.space import objects
from retrieval.jobs import transitions
from retrieval.services.matching import SoundFinder

_CLASSIFICATION_S: Final = 0.05


class StandInImageModel:
    """Scores classes by the brightness of image rows, in about the time of a real network."""

    input_shape = (224, 224, 3)

    def __init__(self, model_version: str, _: Path) -> None:
        self.model_version = model_version
        self.vocabulary = objects().vocabulary

    def classify(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        time.sleep(_CLASSIFICATION_S)
        rows = images.astype(np.float64).mean(axis=(2, 3))
        weights = np.resize(rows, (len(images), len(self.vocabulary))) + 1.0
        shares: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
        return shares


def _flagged_first(classify: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(classify)
    def wrapped(finder: SoundFinder, views: NDArray[np.uint8]) -> Any:
        action = FOLDER / mines.FLAGGED
        if action.exists() and np.abs(views.astype(int) - mines.FLAG_RGB).max() < 16:
            if action.read_text() == "nonsense":  # all scores are NaN, as of a broken network
                photo = classify(finder, views)
                return replace(photo, views=np.full_like(photo.views, np.nan))
            ACTIONS[action.read_text()]()
        return classify(finder, views)

    return wrapped


def _without_fence(claim: transitions.Claim) -> Any:
    """Return the job's row without checking that the claim is still valid."""
    return claim.model._default_manager.filter(pk=claim.pk)


def _install() -> None:
    if os.environ[mines.MODEL] == mines.STAND_IN:
        builders = {
            network.model_version: functools.partial(StandInImageModel, network.model_version)
            for network in IMAGE_NETWORKS
        }
        registry = ModelRegistry(Path(), build_image_classifiers=builders)
        setattr(tasks, "model_registry", lambda: registry)  # noqa: B010
    for owner, name, wrap in (
        (transitions, "claim", functools.partial(with_step, name=mines.CLAIMED)),
        (transitions, "finish", functools.partial(with_step, name=mines.STORED)),
        (tasks, "find_sounds", functools.partial(with_step, name=mines.COMMITTED)),
        (SoundFinder, "search_all", functools.partial(with_step, name=mines.SEARCHED)),
        (SoundFinder, "classify", _flagged_first),
        # It records a message that was popped from Redis as unacked.
        (
            redis_transport.QoS,
            "append",
            functools.partial(with_step, name=mines.POPPED, before=True),
        ),
    ):
        setattr(owner, name, wrap(getattr(owner, name)))
    if os.environ[mines.PLANTED] == "fence":  # the rig must detect this bug
        anything = dict.fromkeys(transitions.TRANSITIONS, frozenset(transitions.TRANSITIONS))
        setattr(transitions, "_owned", _without_fence)  # noqa: B010
        setattr(transitions, "TRANSITIONS", anything)  # noqa: B010
    clock.follow()


_install()
