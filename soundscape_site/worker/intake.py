"""Take photos from the queue only while a child is there that can look at them.

A child that loads its model takes a while. A message that its worker fetched meanwhile would wait
in the worker's hands, though another worker may be free.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Consumer(Protocol):
    """What of Celery's consumer is used."""

    def add_task_queue(self, queue: str) -> None:
        """Take messages from a queue from now on."""

    def cancel_task_queue(self, queue: str) -> None:
        """Take no more messages from a queue."""


class Intake:
    """A worker's tap: closed while nobody could do what comes in."""

    def __init__(self, consumer: Consumer, queue: str, *, is_warm: Callable[[], bool]) -> None:
        self._consumer = consumer
        self._queue = queue
        self._is_warm = is_warm
        self._is_closed = False  # by us: what an operator closes stays closed

    def adjust(self) -> None:
        """Open or close, as the child is now; in the worker's own thread, between messages."""
        if self._is_warm() and self._is_closed:
            self._consumer.add_task_queue(self._queue)
            self._is_closed = False
        elif not self._is_warm() and not self._is_closed:
            self._is_closed = True
            self._consumer.cancel_task_queue(self._queue)
