"""Take photos from the queue only while the worker's child has loaded its model.

A message fetched earlier would wait for the child, although another worker may be free.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Consumer(Protocol):
    """The part of Celery's consumer that is used."""

    def add_task_queue(self, queue: str) -> None:
        """Start to take messages from a queue."""

    def cancel_task_queue(self, queue: str) -> None:
        """Stop taking messages from a queue."""


class Intake:
    """Stops and resumes a worker's consumption of one queue."""

    def __init__(self, consumer: Consumer, queue: str, *, is_warm: Callable[[], bool]) -> None:
        self._consumer = consumer
        self._queue = queue
        self._is_warm = is_warm
        self._is_closed = False  # by this object, not by an operator

    def adjust(self) -> None:
        """Stop or resume, depending on the child; call it in the worker's main thread."""
        if self._is_warm() and self._is_closed:
            self._consumer.add_task_queue(self._queue)
            self._is_closed = False
        elif not self._is_warm() and not self._is_closed:
            self._is_closed = True
            self._consumer.cancel_task_queue(self._queue)
