"""`manage.py sweep`."""

from __future__ import annotations

import logging
import signal
import sys
import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError, connection

from accounts.services.idempotency import forget_old_requests
from retrieval.engine.spaces.space import ClassSpace
from retrieval.selectors.networks import available_spaces
from retrieval.services.deletion import expire_scenes, remove_discarded_files
from retrieval.services.erasure import continue_erasures
from retrieval.services.exporting import expire_exports
from retrieval.services.importing.sent import discard_sent_files
from retrieval.services.webhook_deliveries import (
    forget_old_deliveries,
    give_up_old_deliveries,
    oldest_due_age,
)
from retrieval.submission import submit_missing_profiles, wake_overdue

logger = logging.getLogger(__name__)

_PROFILES_EVERY_S = 3600.0  # the check counts the whole library
_TRY_AGAIN_AFTER_S = 2.0  # also after a restart of the database, which ends the connection
_DELIVERIES_WAIT_AT_MOST = timedelta(minutes=10)
_LOCK_KEY = 0x5005_4CA9  # arbitrary, but unique among advisory lock keys


class Command(BaseCommand):
    """Re-queue interrupted jobs, wake workers for waiting ones, delete what has expired.

    Run until stopped; also request missing profiles of recordings. Several sweepers may run; one
    works, the others wait.
    """

    help = __doc__

    _profiles_checked_at: float | None = None
    _spaces: tuple[ClassSpace, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument(
            "--every",
            type=float,
            default=30.0,
            metavar="SECONDS",
            help="between rounds (default 30)",
        )
        parser.add_argument("--once", action="store_true", help="run one round, then exit")

    def handle(self, *, every: float, once: bool, **options: Any) -> None:
        """Sweep until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _stop)
        while True:
            done = self._round()
            if once:
                return
            time.sleep(every if done else min(every, _TRY_AGAIN_AFTER_S))

    def _round(self) -> bool:
        """Sweep once, and keep the connection open: it holds the sweeper's lock.

        Returns whether the database answered.
        """
        try:
            if _acquire_lock():
                self._request_missing_profiles()
                woken = wake_overdue()
                if woken:
                    logger.info("woke workers for %d jobs", woken)
                expire_scenes(retention_days=settings.SOUNDSCAPE_SCENE_RETENTION_DAYS)
                expire_exports()
                continue_erasures()
                discard_sent_files()
                forget_old_requests()
                remove_discarded_files()
                give_up_old_deliveries()
                forget_old_deliveries()
                self._warn_of_waiting_deliveries()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the database does not answer, will try again: %s", error)
            connection.close()
            return False
        return True

    def _warn_of_waiting_deliveries(self) -> None:
        age = oldest_due_age()
        if age is not None and age > _DELIVERIES_WAIT_AT_MOST:
            logger.warning("a webhook's message is due since %s: is `send_webhooks` running?", age)

    def _request_missing_profiles(self) -> None:
        """Request missing profiles once an hour and when a network arrives."""
        now, spaces = time.monotonic(), available_spaces()
        if (
            self._profiles_checked_at is None
            or now - self._profiles_checked_at > _PROFILES_EVERY_S
            or spaces != self._spaces
        ):
            for _ in range(submit_missing_profiles()):
                logger.info("recordings lack profiles of the current models: requested them")
            self._profiles_checked_at, self._spaces = now, spaces


def _stop(*_: object) -> None:
    """Exit at once, even during a round: the next sweeper does the rest."""
    sys.exit(0)


def _acquire_lock() -> bool:
    """Acquire the sweeper's session lock; return False if another process holds it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK_KEY])  # true as well if held
        return bool(cursor.fetchone()[0])
