"""End a worker that runs but receives no messages, so that its supervisor restarts it.

After a broken connection a worker may never receive another message. So each worker sends itself
test messages (canaries) through its own queue, on the same connection as all messages. It is deaf
if it is idle and receives none of them, and stuck if it holds a task for longer than the task's
hard time limit. If the broker accepts no canary, nothing is concluded.
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
"""How long beyond its hard limit a worker may hold a task."""


class Watchdog:
    """Judges one worker by the canaries it sent and received and the tasks it holds."""

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
        """Check once and send the next canary; return what is wrong, or an empty string."""
        now = self._clock()
        held = self._in_hand()
        self._held_since = {task.id: self._held_since.get(task.id, now) for task in held}
        for task in held:
            since_s = now - self._held_since[task.id]
            if since_s > _hard_limit_s(task) + STUCK_AFTER_S:
                return f"stuck: it has held {task.name} for {since_s:.0f} s"
        if held:
            self._unheard_since = None  # it receives canaries again when this task is done
            return ""
        if self._unheard_since is not None and now - self._unheard_since > DEAF_AFTER_S:
            unheard_s = now - self._unheard_since
            return f"deaf: no message for {unheard_s:.0f} s, although Redis accepts them"
        self._call(now)
        return ""

    def _call(self, now: float) -> None:
        since = self._unheard_since if self._unheard_since is not None else now
        self._unheard_since = since  # before sending: it may arrive at once
        try:
            self._send()
        except (OperationalError, RedisError, CeleryError) as error:
            logger.info("cannot send a canary: %s", error)
            self._unheard_since = None


def watch(app: Celery, hostname: str) -> Watchdog:
    """Watch the worker of this process in a thread."""
    queue = worker_direct(hostname)

    def send() -> None:
        # A new connection each time: the thread shares none with a fork.
        with app.connection_for_write() as connection, app.amqp.Producer(connection) as producer:
            canary.apply_async(producer=producer, queue=queue, expires=DEAF_AFTER_S)

    watchdog = Watchdog(send=send, in_hand=_in_hand)
    threading.Thread(target=_keep_watching, args=(watchdog,), name="watchdog", daemon=True).start()
    return watchdog


def _keep_watching(watchdog: Watchdog) -> None:
    while not _is_stopping():
        time.sleep(EVERY_S)
        trouble = watchdog.look()
        if trouble and not _is_stopping():
            logger.critical("this worker is %s; it ends itself to be restarted", trouble)
            os.kill(os.getpid(), signal.SIGKILL)  # whatever it is stuck in


def _is_stopping() -> bool:
    """Tell whether the worker is shutting down: it then receives nothing."""
    told = (getattr(state, how) for how in ("should_stop", "should_terminate"))
    return any(status is not None for status in told)


def _in_hand() -> Collection[Request]:
    """Return the tasks that this worker has accepted; its main thread may change the set."""
    while True:
        try:
            return tuple(state.reserved_requests)
        except RuntimeError:  # changed while being copied
            continue


def _hard_limit_s(task: Request) -> float:
    return float(task.task.time_limit or 0)
