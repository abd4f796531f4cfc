"""Decorators that define Celery tasks with the site's policies.

A task carries only ids and wakes a worker. It is acknowledged after it ends, delivered again if its
worker dies, and may run more than once: the job's row decides whether there is work to do. While
the database does not answer, it waits: else a restart would use up the wake-ups of all photos.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

import psycopg2
from celery import Task, shared_task  # noqa: TID251 # the only module that may
from django.db import DatabaseError, InterfaceError, OperationalError, connection

logger = logging.getLogger(__name__)

_OUT_OF_MEMORY: Final = 71  # exit status
_OUTAGE_S: Final = 30.0
_LOOK_AGAIN_AFTER_S: Final = 0.5

INFERENCE_QUEUE: Final = "inference"
INGEST_QUEUE: Final = "ingest"
_WATCH_QUEUE: Final = "watch"


class TimeLimits(NamedTuple):
    """Seconds after which a task gets an exception, and after which its process is killed."""

    soft_s: int
    hard_s: int


INFERENCE_TIME_LIMITS: Final = TimeLimits(soft_s=60, hard_s=90)
INGEST_TIME_LIMITS: Final = TimeLimits(soft_s=400, hard_s=440)
WATCH_TIME_LIMITS: Final = TimeLimits(soft_s=60, hard_s=90)


class OwnedTask(Task[Any, Any]):
    """A task whose job is queued again at once when the child process that held it dies."""

    # The name of a class, because only workers load that module.
    Request = "soundscape_site.worker.lifecycle:OwnedRequest"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task; end the process if it runs out of memory.

        Otherwise Celery would treat the error as its own and stop the worker with all its children.
        """
        try:
            return self._through_outages(*args, **kwargs)
        except MemoryError:
            logger.critical("%s ran out of memory; this process exits", self.name)
            os._exit(_OUT_OF_MEMORY)

    def _through_outages(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task, again while the database does not answer, for half a minute."""
        ends_at = None
        while True:
            try:
                return super().__call__(*args, **kwargs)
            except (DatabaseError, InterfaceError) as error:
                if not _is_outage(error) or (ends_at and time.monotonic() > ends_at):
                    raise
                if ends_at is None:
                    ends_at = time.monotonic() + _OUTAGE_S
                    reason = str(error).partition("\n")[0]
                    logger.warning("%s waits for the database: %s", self.name, reason)
                connection.close()
                time.sleep(_LOOK_AGAIN_AFTER_S)


def _is_outage(error: Exception) -> bool:
    """Tell that the connection was lost or refused.

    Psycopg2 gives no SQLSTATE for most of these, and has no subclass for a server that ends.
    """
    cause = error.__cause__
    if not isinstance(cause, psycopg2.Error):  # of Django itself
        return False
    if cause.pgcode is None:
        return isinstance(error, _OUTAGES) or type(error) is DatabaseError
    return cause.pgcode.startswith(_CONNECTION_EXCEPTIONS) or cause.pgcode in _SHUTDOWNS


_OUTAGES: Final = (OperationalError, InterfaceError)
_CONNECTION_EXCEPTIONS: Final = "08"  # class of SQLSTATE
_SHUTDOWNS: Final = frozenset({"57P01", "57P02", "57P03"})  # of the server, or while it starts


_Decorator: TypeAlias = Callable[[Callable[..., Any]], OwnedTask]


def _task(
    name: str, *, queue: str, limits: TimeLimits, throws: tuple[type[Exception], ...] = ()
) -> _Decorator:
    """Define a task; exceptions in `throws` are expected and logged without a traceback."""
    decorate: _Decorator = shared_task(
        name=f"{queue}.{name}",
        soft_time_limit=limits.soft_s,
        time_limit=limits.hard_s,
        acks_late=True,
        reject_on_worker_lost=True,
        ignore_result=True,
        throws=(*throws, *_OUTAGES),
        base=OwnedTask,
    )
    return decorate


inference_task = partial(_task, queue=INFERENCE_QUEUE, limits=INFERENCE_TIME_LIMITS)
ingest_task = partial(_task, queue=INGEST_QUEUE, limits=INGEST_TIME_LIMITS)
watch_task = partial(_task, queue=_WATCH_QUEUE, limits=WATCH_TIME_LIMITS)
"""For a task that a worker sends to itself to check that it receives messages."""
