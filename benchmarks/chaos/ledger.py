"""What clients were told, written down before they go on: a crash of the rig loses nothing."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class Outcome(StrEnum):
    """What a client knows about what it asked for."""

    ACCEPTED = "accepted"  # the site promised to do it
    REFUSED = "refused"  # the site said that it did not do it
    UNKNOWN = "unknown"  # no answer: it may have been done or not, and nobody may claim either
    ANSWERED = "answered"  # a reading, which promises nothing


@dataclass(frozen=True, slots=True)
class Entry:
    """One request and its answer."""

    kind: str  # what was asked for: "upload", "look"; labelling and the API add theirs
    outcome: Outcome
    began: float  # seconds since 1970, the clock that the database has too
    took_s: float
    fault: str  # during which fault
    status: int = 0
    key: str = ""  # id of what was accepted
    note: str = ""


class Ledger:
    """A file of entries, one JSON object a line, on the disk before `write` returns."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("a")
        self._lock = threading.Lock()
        self.entries: list[Entry] = []
        self.fault = ""  # what is being done to the site just now

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
