"""How tasks run: the only decorators that make one.

A task is a wake-up with ids for arguments. It is acknowledged after it ended, comes back when its
worker dies, and is done again without harm: the row it works on knows whether work is owed.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any, Final

from celery import Task, shared_task  # noqa: TID251 # the one place that may

logger = logging.getLogger(__name__)

_OUT_OF_MEMORY: Final = 71

INFERENCE_QUEUE: Final = "inference"
INGEST_QUEUE: Final = "ingest"


class OwnedTask(Task[Any, Any]):
    """A task whose job is queued again at once when the child that held it dies."""

    # A name, because only workers load that module.
    Request = "soundscape_site.worker.lifecycle:OwnedRequest"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run; a process that is out of memory ends, and its successor has all of it again.

        Celery would take the error for its own, and end the worker with all its children.
        """
        try:
            return super().__call__(*args, **kwargs)
        except MemoryError:
            logger.critical("%s needs more memory than there is; this process ends", self.name)
            os._exit(_OUT_OF_MEMORY)


def inference_task(
    name: str, *, throws: tuple[type[Exception], ...] = ()
) -> Callable[[Callable[..., Any]], OwnedTask]:
    """Run on the worker that holds the image model; a visitor is waiting.

    `throws` are the exceptions that are part of life, logged without a traceback.
    """
    return _task(name, queue=INFERENCE_QUEUE, soft_s=60, hard_s=90, throws=throws)


def ingest_task(
    name: str, *, throws: tuple[type[Exception], ...] = ()
) -> Callable[[Callable[..., Any]], OwnedTask]:
    """Run on the worker for recordings; nobody is waiting."""
    return _task(name, queue=INGEST_QUEUE, soft_s=400, hard_s=440, throws=throws)


def watch_task(name: str) -> Callable[[Callable[..., Any]], OwnedTask]:
    """Run on the very worker that sent it, which wants to know whether it hears."""
    return _task(name, queue="watch", soft_s=60, hard_s=90)


def _task(
    name: str, *, queue: str, soft_s: int, hard_s: int, throws: tuple[type[Exception], ...] = ()
) -> Callable[[Callable[..., Any]], OwnedTask]:
    decorate: Callable[[Callable[..., Any]], OwnedTask] = shared_task(
        name=f"{queue}.{name}",
        soft_time_limit=soft_s,
        time_limit=hard_s,
        acks_late=True,
        reject_on_worker_lost=True,
        ignore_result=True,
        throws=throws,
        base=OwnedTask,
    )
    return decorate
