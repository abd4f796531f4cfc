"""Keep what a worker holds its own for as long as it works: short leases, renewed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from django.db import Error as DatabaseError
from django.db import connection

from retrieval.jobs import transitions

logger = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=30)
"""How soon the sweeper may take a job from a worker that went silent."""

_RENEWALS_PER_LEASE: Final = 3


class KeptLease:
    """A lease that a thread renews; asks nothing of the database before the first third is over."""

    def __init__(self, held: transitions.Claim, lease: timedelta) -> None:
        self._held = held
        self._lease = lease
        self._ended = threading.Event()
        self._lost = threading.Event()

    @property
    def is_lost(self) -> bool:
        """Whether somebody else may own the job by now, so that going on is wasted."""
        return self._lost.is_set()

    def end(self) -> None:
        """Renew no more."""
        self._ended.set()

    def renew_until_ended(self) -> None:
        """Renew in time, again and again; runs in a thread, with a connection of its own."""
        try:
            while not self._ended.wait(self._lease.total_seconds() / _RENEWALS_PER_LEASE):
                self._renew()
        except transitions.StaleClaimError as stale:
            logger.warning("lost while at work: %s", stale)
            self._lost.set()
        finally:
            connection.close()

    def _renew(self) -> None:
        try:
            transitions.renew(self._held, lease=self._lease)
        except DatabaseError as error:
            logger.warning("the lease could not be renewed, trying again: %s", error)
            connection.close()


@contextmanager
def kept(held: transitions.Claim, *, lease: timedelta = LEASE) -> Iterator[KeptLease]:
    """Hold a job within the block however long it takes; only a silent worker loses it.

    A worker that hangs is not silent: its task's time limit ends it.
    """
    keeping = KeptLease(held, lease)
    thread = threading.Thread(target=keeping.renew_until_ended, name="lease", daemon=True)
    thread.start()
    try:
        yield keeping
    finally:
        keeping.end()
        thread.join()
