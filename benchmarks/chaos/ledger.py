"""Ledger of all requests and answers, on disk before the client continues."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class Outcome(StrEnum):
    """Result of a request as the client knows it."""

    ACCEPTED = "accepted"  # the site confirmed the upload
    REFUSED = "refused"  # the site answered with an error
    UNKNOWN = "unknown"  # no answer: the upload may be stored or not
    ANSWERED = "answered"  # a page was read
    DELETING = "deleting"  # the client is about to delete a scene: the site need not keep it


@dataclass(frozen=True, slots=True)
class Entry:
    """One request and its answer."""

    kind: str  # "upload", "read", "account" or "delete"; of programs "send" or "poll"
    outcome: Outcome
    began: float  # seconds since 1970, on the clock that the database uses
    took_s: float
    fault: str  # code of the fault during which it was sent
    status: int = 0
    key: str = ""  # id of the accepted scene
    note: str = ""
    request: str = ""  # idempotency key
    replayed: bool = False  # answered with a stored answer


class Ledger:
    """A file of entries in JSON lines; `write` returns after fsync."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("a")
        self._lock = threading.Lock()
        self.entries: list[Entry] = []
        self.fault = ""  # code of the current fault

    def write(self, kind: str, outcome: Outcome, *, began: float, status: int = 0, key: str = "",
              note: str = "", request: str = "", replayed: bool = False) -> None:  # fmt: skip
        took_s = time.time() - began
        entry = Entry(
            kind, outcome, began, took_s, self.fault, status, key, note, request, replayed
        )
        with self._lock:
            self._stream.write(json.dumps(asdict(entry)) + "\n")
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self.entries.append(entry)

    def during(self, fault: str) -> list[Entry]:
        with self._lock:
            return [entry for entry in self.entries if entry.fault == fault]

    def accepted(self, fault: str | None = None) -> list[str]:
        """Return the scenes that the site must hold."""
        with self._lock:
            deleted = {one.key for one in self.entries if one.outcome is Outcome.DELETING}
            return [
                entry.key
                for entry in self.entries
                if entry.outcome is Outcome.ACCEPTED
                and fault in (None, entry.fault)
                and entry.key not in deleted
            ]

    def close(self) -> None:
        self._stream.close()
