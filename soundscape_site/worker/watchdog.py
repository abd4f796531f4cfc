"""Ends a worker that is alive but deaf, so that its supervisor starts one that hears.

After a broken connection a worker may go on without ever being handed a message again. So each
worker sends itself canaries, through a queue of its own but on the way that all messages take. It
is deaf when it has nothing to do and hears none of them, and stuck when it holds one task for
longer than that task's hard limit allows. A broker that takes no canary proves nothing.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Collection
from typing import Final

from celery import Celery
from celery.exceptions import CeleryError
from celery.utils.nodenames import worker_direct
from celery.worker import state
from celery.worker.request import Request
from kombu.exceptions import OperationalError
from redis import RedisError

from soundscape_site.tasks import canary

logger = logging.getLogger(__name__)

EVERY_S: Final = 5.0
DEAF_AFTER_S: Final = 30.0
STUCK_AFTER_S: Final = 60.0
"""How long beyond its hard limit a task may stay in hand."""


class Watchdog:
    """Judges one worker, from what it was sent, what it hears and what it has in hand."""

    def __init__(
        self,
        *,
        send: Callable[[], None],
        in_hand: Callable[[], Collection[Request]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send = send
        self._in_hand = in_hand
        self._clock = clock
        self._unheard_since: float | None = None
        self._held_since: dict[str, float] = {}

    def hear(self) -> None:
        """Note that a canary arrived."""
        self._unheard_since = None

    def look(self) -> str:
        """Look once, and send the next canary; return what is wrong, if anything."""
        now = self._clock()
        held = self._in_hand()
        self._held_since = {task.id: self._held_since.get(task.id, now) for task in held}
        for task in held:
            since_s = now - self._held_since[task.id]
            if since_s > _hard_limit_s(task) + STUCK_AFTER_S:
                return f"stuck: {task.name} has been in hand for {since_s:.0f} s"
        if held:
            self._unheard_since = None  # one at a time: it will hear again when this one is done
            return ""
        if self._unheard_since is not None and now - self._unheard_since > DEAF_AFTER_S:
            return (
                f"deaf: no message for {now - self._unheard_since:.0f} s, though Redis takes them"
            )
        self._call(now)
        return ""

    def _call(self, now: float) -> None:
        since = self._unheard_since if self._unheard_since is not None else now
        self._unheard_since = since  # before it is sent: it may be heard at once
        try:
            self._send()
        except (OperationalError, RedisError, CeleryError) as error:
            logger.info("no canary could be sent: %s", error)
            self._unheard_since = None


def watch(app: Celery, hostname: str) -> Watchdog:
    """Watch the worker of this process from now on, in a thread."""
    queue = worker_direct(hostname)

    def send() -> None:
        # A connection of its own each time: the thread shares nothing that a fork could tear.
        with app.connection_for_write() as connection, app.amqp.Producer(connection) as producer:
            canary.apply_async(producer=producer, queue=queue, expires=DEAF_AFTER_S)

    watchdog = Watchdog(send=send, in_hand=_in_hand)
    threading.Thread(target=_watch_for_ever, args=(watchdog,), name="watchdog", daemon=True).start()
    return watchdog


def _watch_for_ever(watchdog: Watchdog) -> None:
    while not _is_stopping():
        time.sleep(EVERY_S)
        trouble = watchdog.look()
        if trouble and not _is_stopping():
            logger.critical("this worker is %s; it ends, to be started again", trouble)
            os.kill(os.getpid(), signal.SIGKILL)  # whatever it is stuck in


def _is_stopping() -> bool:
    """Whether the worker was told to end: from then on it hears nothing, as it should."""
    told = (getattr(state, how) for how in ("should_stop", "should_terminate"))
    return any(status is not None for status in told)


def _in_hand() -> Collection[Request]:
    """Copy the set of what this worker has accepted; the worker's own thread may be changing it."""
    while True:
        try:
            return tuple(state.reserved_requests)
        except RuntimeError:  # it changed under the copy
            continue


def _hard_limit_s(task: Request) -> float:
    return float(task.task.time_limit or 0)
