"""`manage.py send_webhooks`."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError, connection
from redis import RedisError

from retrieval.jobs.worker_signs import leave_sender_sign, sender_alive
from retrieval.services.webhook_sender import WebhookSender
from retrieval.webhooks.network import Internet
from retrieval.webhooks.sending import server_trust

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_TRY_AGAIN_AFTER_S = 5.0


class Command(BaseCommand):
    """Deliver messages to webhooks until stopped.

    Several may run. It needs the database and the internet, and no models. A
    process of its own, because workers wait for imports, and the sweeper reaches no other machine.
    """

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument(
            "--once", action="store_true", help="deliver what is due now, then exit"
        )
        parser.add_argument(
            "--alive", action="store_true", help="exit with 0 if a sender runs, else with 1"
        )

    def handle(self, *, once: bool, alive: bool, **options: Any) -> None:
        """Deliver until SIGTERM or SIGINT; then wait for the attempts in progress."""
        if alive:
            sys.exit(not sender_alive())
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        sender = WebhookSender(network=Internet(), trust=server_trust())
        try:
            while not stop.is_set():
                _show_life()
                if _round(sender, stop):
                    continue
                if once:
                    break
                stop.wait(_LOOK_EVERY_S)
            _finish(sender)
        finally:
            sender.close()


def _show_life() -> None:
    """Leave a sign of life, which `/readyz` reports; without Redis messages are sent too."""
    try:
        leave_sender_sign()
    except RedisError as error:
        logger.info("cannot leave a sign of life in Redis: %s", error)


def _round(sender: WebhookSender, stop: threading.Event) -> bool:
    """Return whether there was work, or the database did not answer."""
    try:
        return sender.round(wait_s=_LOOK_EVERY_S)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("the database does not answer, will try again: %s", error)
        connection.close()
        stop.wait(_TRY_AGAIN_AFTER_S)
        return True


def _finish(sender: WebhookSender) -> None:
    """Record the attempts in progress; without the database they are made again after the lease."""
    try:
        sender.finish()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("the last attempts could not be recorded, and are made again: %s", error)
