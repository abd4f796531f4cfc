"""Loaded into the rig's workers: a stand-in for the image model, and mines.

A mine is a file in the control folder, named after a step of the task. The first process that
reaches the step takes the file and does what it says. A photo of the flag colour is a mine each
time it is classified.
"""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import time
from collections.abc import Callable
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
from retrieval.engine.spaces.space import objects
from retrieval.jobs import transitions
from retrieval.services.matching import SoundFinder

_FOLDER: Final = Path(os.environ[CONTROL])
_HOARD_BYTES: Final = 1 << 30
_LOOKING_S: Final = 0.05


class StandInImageModel:
    """Scores classes by the brightness of the photo's rows; takes as long as a network."""

    input_shape = (224, 224, 3)

    def __init__(self, _: Path) -> None:
        self.model_version = objects().image_model
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
    """Stop this process until it gets SIGCONT."""
    (_FOLDER / STOPPED).write_text(str(os.getpid()))
    os.kill(os.getpid(), signal.SIGSTOP)


def _fault() -> None:
    ctypes.string_at(0)


def _hoard() -> None:
    """Allocate more memory than the process may have."""
    bytearray(_HOARD_BYTES)[::4096] = b"x" * (_HOARD_BYTES // 4096)


def _linger() -> None:
    time.sleep(2.0)


_DEEDS: Final[dict[str, Callable[[], None]]] = {
    "kill": _kill, "stop": _stop, "segfault": _fault, "hoard": _hoard, "linger": _linger,
}  # fmt: skip


def step(name: str) -> None:
    """Do the deed of a mine at this step; only one process takes it."""
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


def _flagged_first(look: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(look)
    def wrapped(finder: SoundFinder, views: NDArray[np.uint8]) -> Any:
        deed = _FOLDER / FLAGGED
        if deed.exists() and np.abs(views.astype(int) - FLAG_RGB).max() < 16:
            if deed.read_text() == "nonsense":
                return _nonsense(views)
            _DEEDS[deed.read_text()]()
        return look(finder, views)

    return wrapped


def _nonsense(views: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return NaN, as a broken network does."""
    return np.full((len(views), len(objects())), np.nan)


def _popped_first(append: Callable[..., Any]) -> Callable[..., Any]:
    """Trigger the mine after Redis delivers a message, before the worker records it."""

    @functools.wraps(append)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        step(POPPED)
        return append(*args, **kwargs)

    return wrapped


def _without_fence(held: transitions.Claim) -> Any:
    """Let every earlier holder of a job write to it."""
    return held.model._default_manager.filter(pk=held.pk)


def _plant(bug: str) -> None:
    """Add a bug that the rig must find."""
    if bug == "fence":
        anything = dict.fromkeys(transitions.TRANSITIONS, frozenset(transitions.TRANSITIONS))
        setattr(transitions, "_owned", _without_fence)  # noqa: B010
        setattr(transitions, "TRANSITIONS", anything)  # noqa: B010


def _install() -> None:
    if os.environ[MODEL] == STAND_IN:
        registry = ModelRegistry(Path(), build_image_classifier=StandInImageModel)
        setattr(tasks, "model_registry", lambda: registry)  # noqa: B010
    for owner, name, wrap in (
        (transitions, "claim", functools.partial(_then, name=CLAIMED)),
        (transitions, "finish", functools.partial(_then, name=STORED)),
        (tasks, "find_sounds", functools.partial(_then, name=COMMITTED)),
        (SoundFinder, "search_all", functools.partial(_then, name=LOOKED)),
        (SoundFinder, "look", _flagged_first),
        (redis_transport.QoS, "append", _popped_first),
    ):
        setattr(owner, name, wrap(getattr(owner, name)))
    _plant(os.environ.get(PLANTED, ""))
    clock.follow()


_install()
