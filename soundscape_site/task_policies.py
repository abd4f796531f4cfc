"""How tasks run: the only decorators that make one.

A task is a wake-up with ids for arguments. It is acknowledged after it ended, comes back when its
worker dies, and is done again without harm: the row it works on knows whether work is owed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from celery import Task, shared_task  # noqa: TID251 # the one place that may

INFERENCE_QUEUE: Final = "inference"
INGEST_QUEUE: Final = "ingest"


def inference_task(
    name: str, *, ignore: tuple[type[Exception], ...] = ()
) -> Callable[[Callable[..., Any]], Task[Any, Any]]:
    """Run on the worker that holds the image model; a visitor is waiting."""
    return _task(name, queue=INFERENCE_QUEUE, soft_time_limit_s=60, time_limit_s=90, ignore=ignore)


def ingest_task(name: str) -> Callable[[Callable[..., Any]], Task[Any, Any]]:
    """Run on the worker for recordings; nobody is waiting."""
    return _task(name, queue=INGEST_QUEUE, soft_time_limit_s=300, time_limit_s=360, ignore=())


def _task(
    name: str,
    *,
    queue: str,
    soft_time_limit_s: int,
    time_limit_s: int,
    ignore: tuple[type[Exception], ...],
) -> Callable[[Callable[..., Any]], Task[Any, Any]]:
    return shared_task(
        name=name,
        queue=queue,
        soft_time_limit=soft_time_limit_s,
        time_limit=time_limit_s,
        acks_late=True,
        reject_on_worker_lost=True,
        ignore_result=True,
        throws=ignore,
    )
