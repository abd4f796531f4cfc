"""Loaded by the rig's workers beside their tasks: a stand-in for the image model, and mines.

A mine lies at a step of the task. It is a file in the control folder, named after the step, that
says what happens to the process that gets there; it goes off once. A photo of one colour alone is
a mine too, as often as it is looked at.
"""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from kombu.transport import redis as redis_transport
from numpy.typing import NDArray

from benchmarks.chaos import clock
from benchmarks.chaos.mines import (
    CLAIMED,
    COMMITTED,
    CONTROL,
    FLAG_RGB,
    FLAGGED,
    LOOKED,
    MODEL,
    PLANTED,
    POPPED,
    STAND_IN,
    STOPPED,
    STORED,
)
from retrieval import tasks
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.engine.networks.weights import IMAGE_NETWORKS
from retrieval.engine.spaces.space import objects
from retrieval.jobs import transitions
from retrieval.services.matching import ClassifiedPhoto, SoundFinder

_FOLDER: Final = Path(os.environ[CONTROL])
_HOARD_BYTES: Final = 1 << 30
_LOOKING_S: Final = 0.05


class StandInEye:
    """Names classes by the brightness of the picture's rows, in as long as a network takes."""

    input_shape = (224, 224, 3)

    def __init__(self, model_version: str, _: Path) -> None:
        self.model_version = model_version
        self.vocabulary = objects().vocabulary

    def classify(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        time.sleep(_LOOKING_S)
        rows = images.astype(np.float64).mean(axis=(2, 3))
        weights = np.resize(rows, (len(images), len(self.vocabulary))) + 1.0
        shares: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
        return shares


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop() -> None:
    """Stand still, without a sign, until somebody lets this process go on."""
    (_FOLDER / STOPPED).write_text(str(os.getpid()))
    os.kill(os.getpid(), signal.SIGSTOP)


def _fault() -> None:
    ctypes.string_at(0)


def _hoard() -> None:
    """Take more memory than the process may have."""
    bytearray(_HOARD_BYTES)[::4096] = b"x" * (_HOARD_BYTES // 4096)


def _linger() -> None:
    time.sleep(2.0)


_DEEDS: Final[dict[str, Callable[[], None]]] = {
    "kill": _kill, "stop": _stop, "segfault": _fault, "hoard": _hoard, "linger": _linger,
}  # fmt: skip


def step(name: str) -> None:
    """Do what a mine says that lies here; of many processes one finds it."""
    mine = _FOLDER / name
    taken = mine.with_name(f"{name}.{os.getpid()}")
    try:
        mine.rename(taken)
    except FileNotFoundError:
        return
    _DEEDS[taken.read_text()]()


def _then(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        step(name)
        return result

    return wrapped


def _flagged_first(classify: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(classify)
    def wrapped(finder: SoundFinder, views: NDArray[np.uint8]) -> Any:
        deed = _FOLDER / FLAGGED
        if deed.exists() and np.abs(views.astype(int) - FLAG_RGB).max() < 16:
            if deed.read_text() == "nonsense":
                return _nonsense(classify(finder, views))
            _DEEDS[deed.read_text()]()
        return classify(finder, views)

    return wrapped


def _nonsense(photo: ClassifiedPhoto) -> ClassifiedPhoto:
    """Give what a broken network gives: not a number."""
    return replace(photo, views=np.full_like(photo.views, np.nan))


def _popped_first(append: Callable[..., Any]) -> Callable[..., Any]:
    """Lie between Redis's giving a message and the worker's noting that it has it."""

    @functools.wraps(append)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        step(POPPED)
        return append(*args, **kwargs)

    return wrapped


def _without_fence(held: transitions.Claim) -> Any:
    """Let anybody who ever held a job write to it."""
    return held.model._default_manager.filter(pk=held.pk)


def _plant(bug: str) -> None:
    """Break the program on purpose, to see whether the rig notices."""
    if bug == "fence":
        anything = dict.fromkeys(transitions.TRANSITIONS, frozenset(transitions.TRANSITIONS))
        setattr(transitions, "_owned", _without_fence)  # noqa: B010
        setattr(transitions, "TRANSITIONS", anything)  # noqa: B010


def _install() -> None:
    if os.environ[MODEL] == STAND_IN:
        networks = [network.model_version for network in IMAGE_NETWORKS]
        registry = ModelRegistry(
            Path(),
            build_image_classifiers={one: functools.partial(StandInEye, one) for one in networks},
        )
        setattr(tasks, "model_registry", lambda: registry)  # noqa: B010
    for owner, name, wrap in (
        (transitions, "claim", functools.partial(_then, name=CLAIMED)),
        (transitions, "finish", functools.partial(_then, name=STORED)),
        (tasks, "find_sounds", functools.partial(_then, name=COMMITTED)),
        (SoundFinder, "search_all", functools.partial(_then, name=LOOKED)),
        (SoundFinder, "classify", _flagged_first),
        (redis_transport.QoS, "append", _popped_first),
    ):
        setattr(owner, name, wrap(getattr(owner, name)))
    _plant(os.environ.get(PLANTED, ""))
    clock.follow()


_install()
