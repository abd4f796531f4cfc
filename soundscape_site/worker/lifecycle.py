"""What a worker does besides its tasks: load models, send heartbeats, release a dead child's jobs.

Only workers import this module.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from typing import Any, Final

import redis
from billiard.einfo import ExceptionInfo
from billiard.exceptions import Terminated, WorkerLostError
from celery.signals import (
    celeryd_after_setup,
    heartbeat_sent,
    task_received,
    worker_process_init,
    worker_ready,
)
from celery.worker.request import Request
from django.db import Error as DatabaseError
from django.db import connection
from kombu.exceptions import OperationalError

from retrieval.jobs.policies import INFERENCE_QUEUE
from retrieval.jobs.priority import step_back
from retrieval.jobs.worker_names import child_name
from retrieval.jobs.worker_signs import leave_sign
from retrieval.submission import release_claims_of
from retrieval.tasks import sound_finder
from soundscape_site.tasks import canary
from soundscape_site.worker.intake import Intake
from soundscape_site.worker.watchdog import watch

logger = logging.getLogger(__name__)

_PAUSE_S: Final = 1.0

_intakes: list[Intake] = []  # one, once an inference worker is ready
# The process id of the child that has loaded model and library, else 0; shared through the fork.
# It has no lock, which a killed child could leave locked.
_warm_child = multiprocessing.get_context("fork").RawValue("i", 0)


@celeryd_after_setup.connect
def serve_queues(instance: Any, **_: Any) -> None:
    """Check this worker's options and prepare for its queues."""
    concurrency = instance.autoscale or instance.concurrency
    if concurrency != 1:
        raise SystemExit(
            f"This worker cannot start with a concurrency of {concurrency}: each child process "
            "loads the models and uses every core, so a worker has one. Start it with "
            "--concurrency 1, and start more workers if one is not enough."
        )
    if INFERENCE_QUEUE in instance.app.amqp.queues.consume_from:
        worker_process_init.connect(load_models)
        worker_ready.connect(take_photos_when_warm)
        heartbeat_sent.connect(adjust_intake)
        heartbeat_sent.connect(show_life)
    else:
        step_back()  # photos have priority over recordings


def load_models(**_: Any) -> None:
    """Load image model and library in a new child, before its first photo.

    Celery swallows exceptions here and would keep a child that is never ready. So a child that
    fails exits, after a pause that limits how often the pool starts another.
    """
    _warm_child.value = 0
    try:
        sound_finder().warm()
    except Exception:
        logger.exception("cannot load the image model or the library; a new process will try again")
        time.sleep(_PAUSE_S)
        os._exit(1)
    _warm_child.value = os.getpid()
    logger.info("image model and library are loaded")


def _is_warm() -> bool:
    return bool(_warm_child.value)


def show_life(**_: Any) -> None:
    """Leave a sign of life in Redis, by which pages see whether a worker is available."""
    if not _is_warm():
        return
    try:
        leave_sign()
    except redis.RedisError as error:
        logger.warning("cannot leave a sign of life in Redis: %s", error)


def take_photos_when_warm(sender: Any, **_: Any) -> None:
    """Stop this worker's intake until its child has loaded its model."""
    _intakes[:] = [Intake(sender, INFERENCE_QUEUE, is_warm=_is_warm)]
    adjust_intake()


def adjust_intake(**_: Any) -> None:
    """Stop or resume the intake; if the broker is down, the next heartbeat tries again."""
    for intake in _intakes:
        try:
            intake.adjust()
        except (redis.RedisError, OperationalError, AttributeError) as error:
            logger.warning("cannot change the intake of photos, trying again: %s", error)


@worker_ready.connect
def watch_over(sender: Any, **_: Any) -> None:
    """Start the watchdog, and check the child processes at each heartbeat."""
    watchdog = watch(sender.app, sender.hostname)

    def look_after_children(**_: Any) -> None:
        sender.pool.maintain_pool()  # every 2 s; Celery itself does it every 5 s

    def hear(request: Request, **_: Any) -> None:
        if request.name == canary.name:
            watchdog.hear()

    task_received.connect(hear, weak=False)
    heartbeat_sent.connect(look_after_children, weak=False)


class OwnedRequest(Request):
    """A Celery request that releases the jobs of its dead child.

    They are queued again at once instead of when their leases expire, half a minute later.
    """

    def on_failure(self, exc_info: ExceptionInfo, *args: Any, **kwargs: Any) -> None:
        """Release a dead child's jobs before its message is delivered again."""
        cause = getattr(exc_info.exception, "exc", exc_info.exception)  # as billiard wraps it
        if self.worker_pid and isinstance(cause, _DEATHS):
            child = int(self.worker_pid)
            _release(child_name(child))
            if _warm_child.value == child:
                _warm_child.value = 0
            adjust_intake()  # else this worker would fetch the message again
        super().on_failure(exc_info, *args, **kwargs)


_DEATHS: Final = (WorkerLostError, Terminated, SystemExit)


def _release(owner: str) -> None:
    try:
        released = release_claims_of(owner)
    except DatabaseError as error:
        logger.warning("cannot release the jobs of %s; their leases will expire: %s", owner, error)
    else:
        logger.info("%d jobs of the dead process %s are queued again", released, owner)
    finally:
        connection.close()  # must not be open in a fork
