"""What a worker does besides its tasks: get ready, and show that it lives."""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from typing import Any, Final

import redis
from celery.signals import celeryd_after_setup, heartbeat_sent, worker_process_init

from retrieval.tasks import sound_finder
from retrieval.worker_signs import leave_sign
from soundscape_site.task_policies import INFERENCE_QUEUE, INGEST_NICENESS

logger = logging.getLogger(__name__)

_PAUSE_S: Final = 1.0

_child_is_warm = multiprocessing.get_context("fork").Event()  # shared with the child by the fork


@celeryd_after_setup.connect
def serve_queues(instance: Any, **_: Any) -> None:
    """Prepare for the queues this worker was started for."""
    if INFERENCE_QUEUE in instance.app.amqp.queues.consume_from:
        worker_process_init.connect(load_models)
        heartbeat_sent.connect(show_life)
    else:
        os.nice(INGEST_NICENESS)  # a visitor's photo goes before any recording


def load_models(**_: Any) -> None:
    """Load image model and library in the child, before its first photo; never in the parent.

    Celery would swallow what this raises and keep a child that is never ready. So a child that
    fails ends, and the pool makes a new one, after a pause, lest they come by the hundred.
    """
    _child_is_warm.clear()  # what an earlier child said is no longer true
    try:
        sound_finder().warm()
    except Exception:
        logger.exception("image model or library cannot be loaded; a new process tries again")
        time.sleep(_PAUSE_S)
        os._exit(1)
    _child_is_warm.set()
    logger.info("image model and library are loaded")


def show_life(**_: Any) -> None:
    """Leave a sign for the pages; a Redis that is away is the broker's trouble, not ours."""
    if not _child_is_warm.is_set():
        return
    try:
        leave_sign()
    except redis.RedisError as error:
        logger.warning("cannot leave a sign of life: %s", error)
