"""`manage.py sweep`: nothing that was accepted is forgotten."""

from __future__ import annotations

import logging
import signal
import sys
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError, connection

from retrieval.engine.spaces.space import ClassSpace
from retrieval.selectors.networks import available_spaces
from retrieval.services.deletion import expire_scenes, remove_discarded_files
from retrieval.submission import submit_missing_profiles, wake_overdue

logger = logging.getLogger(__name__)

_PROFILES_EVERY_S = 3600.0  # the library is read through for it
_LOCK_KEY = 0x5005_4CA9  # any number, as long as nothing else takes it


class Command(BaseCommand):
    """Queue again what lost its worker; wake workers for what nobody took; delete what expired."""

    help = (
        "Run for ever: queue again jobs that lost their worker, wake workers for forgotten ones, "
        "delete photos whose time is over."
    )

    _profiles_checked_at: float | None = None
    _spaces: tuple[ClassSpace, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument("--every", type=float, default=30.0, help="seconds between rounds")
        parser.add_argument("--once", action="store_true", help="one round, then end")

    def handle(self, *, every: float, once: bool, **options: Any) -> None:
        """Sweep until told to stop; of several sweepers one works, the others wait."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _leave)
        while True:
            self._round()
            if once:
                return
            time.sleep(every)

    def _round(self) -> None:
        """Sweep once. The connection stays open: with it this process keeps the sweeper's lock."""
        try:
            if _is_the_sweeper():
                self._owe_profiles()
                woken = wake_overdue()
                if woken:
                    logger.info("woke workers for %d jobs", woken)
                expire_scenes(retention_days=settings.SOUNDSCAPE_SCENE_RETENTION_DAYS)
                remove_discarded_files()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the database does not answer, trying again: %s", error)
            connection.close()

    def _owe_profiles(self) -> None:
        """Have missing profiles made, now and then: a new program or a new network lacks some."""
        now, spaces = time.monotonic(), available_spaces()
        if (
            self._profiles_checked_at is None
            or now - self._profiles_checked_at > _PROFILES_EVERY_S
            or spaces != self._spaces
        ):
            for _ in range(submit_missing_profiles()):
                logger.info("recordings lack profiles of this program's models: making them")
            self._profiles_checked_at, self._spaces = now, spaces


def _leave(*_: object) -> None:
    """End at once, even within a round: what a round left undone, the next sweeper does."""
    sys.exit(0)


def _is_the_sweeper() -> bool:
    """Take the sweeper's lock, or keep it; it lasts as long as this process's connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK_KEY])  # ours already: true again
        return bool(cursor.fetchone()[0])
