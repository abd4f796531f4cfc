"""The loop that delivers messages to webhooks: attempts in threads, the database in one."""

from __future__ import annotations

import logging
import ssl
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final

from retrieval.services.webhook_deliveries import (
    ClaimedDelivery,
    claim_delivery,
    record_attempt,
)
from retrieval.webhooks.network import Network
from retrieval.webhooks.sending import DEADLINE_S, Outcome, send
from retrieval.webhooks.signing import signed_headers

logger = logging.getLogger(__name__)

AT_ONCE: Final = 32
"""Attempts at the same time; a thread that waits for a receiver costs nearly nothing."""

_USER_AGENT: Final = "Scenery-Soundscaping-Webhooks/1"


class WebhookSender:
    """Delivers due messages, several at once."""

    def __init__(
        self,
        *,
        network: Network,
        trust: ssl.SSLContext,
        at_once: int = AT_ONCE,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._network = network
        self._trust = trust
        self._at_once = at_once
        self._deadline_s = deadline_s
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="webhook")
        self._running: dict[Future[Outcome], ClaimedDelivery] = {}

    def round(self, *, wait_s: float) -> bool:
        """Begin attempts at what is due, and record those that end within a time.

        Returns whether there was any; then more can be due, which had to wait for these. A
        database that fails raises; attempts that ended are recorded in a later round.
        """
        while len(self._running) < self._at_once:
            claimed = claim_delivery()
            if claimed is None:
                break
            self._running[self._threads.submit(self._attempt, claimed)] = claimed
        had_work = bool(self._running)
        self._record(wait_s)
        return had_work

    def finish(self) -> None:
        """Wait for the attempts in progress, and record them."""
        while self._running:
            self._record(self._deadline_s)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def _record(self, wait_s: float) -> None:
        done, _ = wait(self._running, timeout=wait_s, return_when=FIRST_COMPLETED)
        for attempt in done:
            record_attempt(claimed=self._running[attempt], outcome=attempt.result())
            del self._running[attempt]

    def _attempt(self, claimed: ClaimedDelivery) -> Outcome:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": _USER_AGENT,
            **signed_headers(
                secret=claimed.secret,
                message_id=claimed.message_id,
                timestamp_s=int(time.time()),
                body=claimed.body,
            ),
        }
        try:
            return send(
                claimed.url,
                headers=headers,
                body=claimed.body,
                network=self._network,
                trust=self._trust,
                deadline_s=self._deadline_s,
            )
        except Exception:
            logger.exception("attempt at delivery %s", claimed.pk)
            return Outcome(None, "internal_error", 0)
