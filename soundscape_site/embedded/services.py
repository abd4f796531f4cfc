"""Use the embedded services; they run only while a command uses them.

Each command holds `users.lock` shared. The daemon holds `supervisor.lock` and ends when it gets
`users.lock` exclusively. The kernel releases both with their process, so a killed one leaves no
stale state. To check for a daemon a command takes `gate.lock`; a new daemon inherits
`supervisor.lock` already locked, so two commands never start two daemons.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from soundscape_site.embedded.errors import ServicesError
from soundscape_site.embedded.locations import VAR_VARIABLE, Locations, locate, prepare
from soundscape_site.embedded.locks import FileLock
from soundscape_site.embedded.status import Service, State, Status
from soundscape_site.supervising.supervisor import open_log

ALL = frozenset(Service)

_REPOSITORY = Path(__file__).resolve().parents[2]
_POLL_S = 0.02
_SILENT_FOR_S = 1.0  # a quick start prints nothing
_STARTS_AT_MOST = 3
_STOPPED_WITHIN_S = 20.0  # the sum of the services' stop signals' time limits


class ServiceUse:
    """A command's use of the services; it ends with `release` or with the process."""

    def __init__(self, locations: Locations, services: frozenset[Service], output: TextIO) -> None:
        self.locations = locations
        self._services = services
        self._progress = _Progress(output)
        self._users = FileLock.open(locations.users_lock)

    def acquire(self) -> None:
        """Take the lock, start the services if necessary, and wait until they are ready.

        Raises
        ------
        ServicesError
            If they do not start, or already run without one that is needed.
        """
        while not self._users.try_shared():  # a daemon is stopping its services
            self._progress.show("Waiting for the services to stop")
            time.sleep(_POLL_S)
        self._bring_up()

    def renew(self) -> None:
        """Start the services again if their daemon was killed; for long-running commands.

        Raises
        ------
        ServicesError
            If they failed, or do not start again.
        """
        failure = self.failure()
        if failure is not None:
            raise failure
        self._bring_up()

    def release(self) -> None:
        """Release the lock; the last command waits until everything has stopped."""
        self._users.close()
        deadline = time.monotonic() + _STOPPED_WITHIN_S
        while _daemon_runs(self.locations) and not _others_use(self.locations):
            if time.monotonic() > deadline:
                log = self.locations.services_log
                self._progress.say(f"The services are still stopping: see {log}")
                return
            time.sleep(_POLL_S)

    def failure(self) -> ServicesError | None:
        """Return the reason if the services failed while they were in use."""
        status = Status.read(self.locations.status)
        if status is None or status.state is not State.FAILED:
            return None
        return _failed(self.locations, status)

    def _bring_up(self) -> None:
        starts = int(_start_daemon(self.locations, self._services))
        while True:
            runs = _daemon_runs(self.locations)  # first, so that the status is its own
            status = Status.read(self.locations.status)
            if status and status.state is State.FAILED:
                raise _failed(self.locations, status)
            if status and status.state is State.READY and runs:
                self._check_complete(status)
                return
            if not runs:
                if starts == _STARTS_AT_MOST:
                    log = self.locations.services_log
                    message = f"The services end right after their start: see {log}"
                    raise ServicesError(message)
                starts += _start_daemon(self.locations, self._services)
            self._progress.show(status.message if status else "Starting the services")
            time.sleep(_POLL_S)

    def _check_complete(self, status: Status) -> None:
        missing = self._services - status.services
        if missing:
            message = (
                f"Services of this program already run, without {', '.join(sorted(missing))}: "
                "they were started with DATABASE_URL or REDIS_URL set. End that command first."
            )
            raise ServicesError(message)


@contextlib.contextmanager
def use_services(
    var: Path, services: frozenset[Service] = ALL, *, output: TextIO | None = None
) -> Iterator[ServiceUse]:
    """Run the services within the block; progress goes to `output`, by default to stderr.

    Raises
    ------
    ServicesError
        If they are unavailable, or fail while the block runs.
    """
    locations = locate(var)
    try:
        prepare(locations)
        use = ServiceUse(locations, services, output or sys.stderr)
    except OSError as error:
        message = (
            f"{error.filename}: {error.strerror}. The services keep their files below {var}: make "
            f"it writable for yourself, or set {VAR_VARIABLE} to another directory."
        )
        raise ServicesError(message) from error
    try:
        use.acquire()
        try:
            yield use
        except (Exception, SystemExit) as error:
            failure = use.failure()
            if failure is not None:
                raise failure from error
            raise
    finally:
        use.release()


class _Progress:
    """Prints what a command is waiting for, once that takes more than a second."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._began = time.monotonic()
        self._shown = ""

    def show(self, text: str) -> None:
        if text != self._shown and time.monotonic() - self._began > _SILENT_FOR_S:
            self.say(f"{text} ...")
            self._shown = text

    def say(self, text: str) -> None:
        self._output.write(f"{text}\n")
        self._output.flush()


def _start_daemon(locations: Locations, services: frozenset[Service]) -> bool:
    """Start a daemon unless one runs; return whether one was started."""
    with _gate(locations), FileLock.open(locations.supervisor_lock) as lock:
        if not lock.try_exclusive():
            return False
        locations.status.unlink(missing_ok=True)  # left by a dead daemon
        with open_log(locations.services_log) as log:
            subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "soundscape_site.embedded",
                    f"--var={locations.var}",
                    f"--lock={lock.fileno()}",
                    *sorted(services),
                ],
                check=False,  # its lock tells whether it runs
                cwd=_REPOSITORY,
                env={name: value for name, value in os.environ.items() if name[:2] != "PG"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock.fileno()],
                start_new_session=True,  # Ctrl-C does not reach it: it stops with its last user
            )
    return True


def _daemon_runs(locations: Locations) -> bool:
    with _gate(locations), FileLock.open(locations.supervisor_lock) as lock:
        return not lock.try_exclusive()


def _others_use(locations: Locations) -> bool:
    with FileLock.open(locations.users_lock) as lock:
        if not lock.try_shared():
            return False  # the daemon holds it: it is stopping the services
        return not lock.try_exclusive()


@contextlib.contextmanager
def _gate(locations: Locations) -> Iterator[None]:
    with FileLock.open(locations.gate_lock) as gate:
        gate.lock()
        yield


def _failed(locations: Locations, status: Status) -> ServicesError:
    return ServicesError(f"{status.message}\nMore in {locations.services_log}")
