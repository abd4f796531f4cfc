"""What the daemon tells the commands that wait for it.

The file means something only while the daemon's lock is held: whoever starts a daemon removes it.
"""

import enum
import json
from dataclasses import asdict, dataclass
from pathlib import Path


class State(enum.StrEnum):
    """Where the daemon is in its life."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    FAILED = "failed"


class Service(enum.StrEnum):
    """A server that the program can bring along."""

    POSTGRES = "postgres"
    REDIS = "redis"


@dataclass(frozen=True)
class Status:
    """One report of the daemon."""

    state: State
    message: str
    services: frozenset[Service]

    def write(self, path: Path) -> None:
        """Replace the file at once, so that nobody reads half of it."""
        draft = path.with_name(f"{path.name}.new")
        draft.write_text(json.dumps(asdict(self), default=sorted))
        draft.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Status | None":
        """Read the last report; None when there is none."""
        try:
            fields = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        return cls(
            State(fields["state"]), fields["message"], frozenset(map(Service, fields["services"]))
        )
