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


@contextmanager
def renewed(held: transitions.Claim, *, lease: timedelta = LEASE) -> Iterator[threading.Event]:
    """Renew a job's lease until the block ends, however long it takes.

    Yield an event that is set if the lease is lost, so that this attempt's result will be rejected.
    The lease of a hanging worker is renewed too; its task's time limit ends it.
    """
    ended, lost = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=_renew_until, args=(ended, lost, held, lease), name="lease", daemon=True
    )
    thread.start()
    try:
        yield lost
    finally:
        ended.set()
        thread.join()


def _renew_until(
    ended: threading.Event, lost: threading.Event, held: transitions.Claim, lease: timedelta
) -> None:
    """Renew regularly; runs in a thread with its own database connection."""
    try:
        while not ended.wait(lease.total_seconds() / _RENEWALS_PER_LEASE):
            try:
                transitions.renew(held, lease=lease)
            except DatabaseError as error:
                logger.warning("the lease could not be renewed, trying again: %s", error)
                connection.close()
    except transitions.StaleClaimError as stale:
        logger.warning("lease lost while working: %s", stale)
        lost.set()
    finally:
        connection.close()
