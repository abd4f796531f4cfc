"""The ledger: every request and its answer, on disk before the client goes on."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class Outcome(StrEnum):
    """What a client knows about its request."""

    ACCEPTED = "accepted"  # the site will do it
    REFUSED = "refused"  # the site did not do it
    UNKNOWN = "unknown"  # no answer: it may have been done or not
    ANSWERED = "answered"  # a read request


@dataclass(frozen=True, slots=True)
class Entry:
    """One request and its answer."""

    kind: str  # "upload" or "look"
    outcome: Outcome
    began: float  # seconds since 1970, by the database's clock
    took_s: float
    fault: str  # code of the fault
    status: int = 0
    key: str = ""  # id of what was accepted
    note: str = ""


class Ledger:
    """A file of entries, one JSON object a line; `write` returns when it is on disk."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("a")
        self._lock = threading.Lock()
        self.entries: list[Entry] = []
        self.fault = ""  # code of the current fault

    def write(self, kind: str, outcome: Outcome, *, began: float, status: int = 0, key: str = "",
              note: str = "") -> None:  # fmt: skip
        entry = Entry(kind, outcome, began, time.time() - began, self.fault, status, key, note)
        with self._lock:
            self._stream.write(json.dumps(asdict(entry)) + "\n")
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self.entries.append(entry)

    def during(self, fault: str) -> list[Entry]:
        with self._lock:
            return [entry for entry in self.entries if entry.fault == fault]

    def accepted(self, fault: str | None = None) -> list[str]:
        with self._lock:
            return [
                entry.key
                for entry in self.entries
                if entry.outcome is Outcome.ACCEPTED and fault in (None, entry.fault)
            ]

    def close(self) -> None:
        self._stream.close()
