"""Job leases: their length, and a thread that renews them."""

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
"""Length of a lease: the time after which the sweeper queues a silent worker's job again."""

_RENEWALS_PER_LEASE: Final = 3


class RenewedLease:
    """A lease that a thread renews; the first renewal is due after a third of its length."""

    def __init__(self, held: transitions.Claim, lease: timedelta) -> None:
        self._held = held
        self._lease = lease
        self._ended = threading.Event()
        self._lost = threading.Event()

    @property
    def is_lost(self) -> bool:
        """Whether the lease was lost, so that this attempt's result will be rejected."""
        return self._lost.is_set()

    def end(self) -> None:
        """Stop renewing."""
        self._ended.set()

    def renew_until_ended(self) -> None:
        """Renew regularly; runs in a thread with its own database connection."""
        try:
            while not self._ended.wait(self._lease.total_seconds() / _RENEWALS_PER_LEASE):
                self._renew()
        except transitions.StaleClaimError as stale:
            logger.warning("lease lost while working: %s", stale)
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
def renewed(held: transitions.Claim, *, lease: timedelta = LEASE) -> Iterator[RenewedLease]:
    """Renew a job's lease until the block ends, however long it takes.

    The lease of a hanging worker is renewed too; its task's time limit ends it.
    """
    renewed_lease = RenewedLease(held, lease)
    thread = threading.Thread(target=renewed_lease.renew_until_ended, name="lease", daemon=True)
    thread.start()
    try:
        yield renewed_lease
    finally:
        renewed_lease.end()
        thread.join()
