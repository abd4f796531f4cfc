"""What a worker does besides its tasks: get ready, show that it lives and hears, give back.

Loaded by workers alone.
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

_intakes: list[Intake] = []  # one, once the worker of photos is ready
# The child that holds model and library, by its process id; shared with it by the fork. Without a
# lock, which a killed child could leave locked.
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
        step_back()  # a visitor's photo goes before any recording


def load_models(**_: Any) -> None:
    """Load image model and library in the child, before its first photo; never in the parent.

    Celery would swallow what this raises and keep a child that is never ready. So a child that
    fails ends, and the pool makes a new one, after a pause, lest they come by the hundred.
    """
    _warm_child.value = 0  # what an earlier child said is no longer true
    try:
        sound_finder().warm()
    except Exception:
        logger.exception("image model or library cannot be loaded; a new process tries again")
        time.sleep(_PAUSE_S)
        os._exit(1)
    _warm_child.value = os.getpid()
    logger.info("image model and library are loaded")


def _is_warm() -> bool:
    return bool(_warm_child.value)


def show_life(**_: Any) -> None:
    """Leave a sign for the pages; a Redis that is away is the broker's trouble, not ours."""
    if not _is_warm():
        return
    try:
        leave_sign()
    except redis.RedisError as error:
        logger.warning("cannot leave a sign of life: %s", error)


def take_photos_when_warm(sender: Any, **_: Any) -> None:
    """Leave photos to others while this worker's child loads its model."""
    _intakes[:] = [Intake(sender, INFERENCE_QUEUE, is_warm=_is_warm)]
    adjust_intake()


def adjust_intake(**_: Any) -> None:
    """Open or close the tap; without a broker there is none, and the next beat tries again."""
    for intake in _intakes:
        try:
            intake.adjust()
        except (redis.RedisError, OperationalError, AttributeError) as error:
            logger.warning("photos are taken a little later: %s", error)


@worker_ready.connect
def watch_over(sender: Any, **_: Any) -> None:
    """Have this worker ended if it goes deaf, and its children's deaths noticed soon."""
    watchdog = watch(sender.app, sender.hostname)

    def look_after_children(**_: Any) -> None:
        sender.pool.maintain_pool()  # at each beat, every 2 s: Celery itself does every 5 s

    def hear(request: Request, **_: Any) -> None:
        if request.name == canary.name:
            watchdog.hear()

    task_received.connect(hear, weak=False)
    heartbeat_sent.connect(look_after_children, weak=False)


class OwnedRequest(Request):
    """A message in a worker's hands that knows what its child held.

    A dead child's job is queued again at once; its lease would keep it for half a minute.
    """

    def on_failure(self, exc_info: ExceptionInfo, *args: Any, **kwargs: Any) -> None:
        """Give back what a dead child held, before the message comes back and finds it held."""
        cause = getattr(exc_info.exception, "exc", exc_info.exception)  # as billiard wraps it
        if self.worker_pid and isinstance(cause, _DEATHS):
            child = int(self.worker_pid)
            _release(child_name(child))
            if _warm_child.value == child:
                _warm_child.value = 0
            adjust_intake()  # or this worker would fetch it again, and hold it until it is warm
        super().on_failure(exc_info, *args, **kwargs)


_DEATHS: Final = (WorkerLostError, Terminated, SystemExit)


def _release(owner: str) -> None:
    try:
        released = release_claims_of(owner)
    except DatabaseError as error:
        logger.warning("what %s held comes back when its lease is over: %s", owner, error)
    else:
        logger.info("%d jobs of %s, which is dead, are queued again", released, owner)
    finally:
        connection.close()  # a fork must not find it open
