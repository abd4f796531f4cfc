"""The daemon's status file, read by commands that wait for the services.

It is valid only while the daemon's lock is held; a command that starts a daemon removes it.
"""

import enum
import json
from dataclasses import asdict, dataclass
from pathlib import Path


class State(enum.StrEnum):
    """The daemon's state."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    FAILED = "failed"


class Service(enum.StrEnum):
    """A server that the program can embed."""

    POSTGRES = "postgres"
    REDIS = "redis"


@dataclass(frozen=True)
class Status:
    """The content of the status file."""

    state: State
    message: str
    services: frozenset[Service]

    def write(self, path: Path) -> None:
        """Replace the file atomically."""
        draft = path.with_name(f"{path.name}.new")
        draft.write_text(json.dumps(asdict(self), default=sorted))
        draft.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Status | None":
        """Read the file; return None if there is none."""
        try:
            fields = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        return cls(
            State(fields["state"]), fields["message"], frozenset(map(Service, fields["services"]))
        )
