"""Use the embedded services: they run as long as somebody uses them, and no longer.

A user holds `users.lock` shared; the daemon holds `supervisor.lock`, and ends when it gets
`users.lock` alone. The kernel drops both with their holders, so no killed process leaves a wrong
answer behind. Whoever looks whether the daemon lives does so behind `gate.lock`, and starts one
with the lock already in its hands: two commands at once never start two.
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
_SILENT_FOR_S = 1.0  # a quick start needs no words
_STARTS_AT_MOST = 3
_STOPPED_WITHIN_S = 20.0  # what the services' ladders of signals come to


class Lease:
    """The right to use the services, until it is released or its last process is gone."""

    def __init__(self, locations: Locations, services: frozenset[Service], output: TextIO) -> None:
        self.locations = locations
        self._services = services
        self._progress = _Progress(output)
        self._users = FileLock.open(locations.users_lock)

    def acquire(self) -> None:
        """Become a user and wait until the services are ready; start them if need be.

        Raises
        ------
        ServicesError
            When they do not start, or run without one that is needed.
        """
        while not self._users.try_shared():  # a daemon without users is stopping its services
            self._progress.show("Waiting for the services to stop")
            time.sleep(_POLL_S)
        self._bring_up()

    def renew(self) -> None:
        """Start the services again if their daemon was killed; for commands that run for long.

        Raises
        ------
        ServicesError
            When they gave up, or do not start again.
        """
        failure = self.failure()
        if failure is not None:
            raise failure
        self._bring_up()

    def release(self) -> None:
        """Stop being a user; the last one waits until everything has stopped."""
        self._users.close()
        deadline = time.monotonic() + _STOPPED_WITHIN_S
        while _daemon_lives(self.locations) and not _others_use(self.locations):
            if time.monotonic() > deadline:
                log = self.locations.services_log
                self._progress.say(f"The services are still stopping: see {log}")
                return
            time.sleep(_POLL_S)

    def failure(self) -> ServicesError | None:
        """Return why the services gave up while they were in use, if they did."""
        status = Status.read(self.locations.status)
        if status is None or status.state is not State.FAILED:
            return None
        return _gave_up(self.locations, status)

    def _bring_up(self) -> None:
        starts = int(_start_daemon(self.locations, self._services))
        while True:
            lives = _daemon_lives(self.locations)  # before reading, so that what is read is its own
            status = Status.read(self.locations.status)
            if status and status.state is State.FAILED:
                raise _gave_up(self.locations, status)
            if status and status.state is State.READY and lives:
                self._check_complete(status)
                return
            if not lives:
                if starts == _STARTS_AT_MOST:
                    message = f"The services do not stay up: see {self.locations.services_log}"
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
) -> Iterator[Lease]:
    """Have the services running within the block; progress goes to `output`, else to stderr.

    Raises
    ------
    ServicesError
        When they cannot be had, or gave up while the block needed them.
    """
    locations = locate(var)
    try:
        prepare(locations)
        lease = Lease(locations, services, output or sys.stderr)
    except OSError as error:
        message = (
            f"{error.filename}: {error.strerror}. The services keep their files below {var}: make "
            f"it writable for yourself, or set {VAR_VARIABLE} to another directory."
        )
        raise ServicesError(message) from error
    try:
        lease.acquire()
        try:
            yield lease
        except (Exception, SystemExit) as error:
            failure = lease.failure()
            if failure is not None:
                raise failure from error
            raise
    finally:
        lease.release()


class _Progress:
    """Tells a waiting person what goes on, once it takes longer than a moment."""

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
    """Start a daemon unless one lives; say whether it was necessary."""
    with _gate(locations), FileLock.open(locations.supervisor_lock) as lock:
        if not lock.try_exclusive():
            return False
        locations.status.unlink(missing_ok=True)  # a dead daemon's
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
                check=False,  # whether it lives is asked of its lock, and its log says the rest
                cwd=_REPOSITORY,
                env={name: value for name, value in os.environ.items() if name[:2] != "PG"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock.fileno()],
                start_new_session=True,  # out of reach of Ctrl-C: it stops when nobody is left
            )
    return True


def _daemon_lives(locations: Locations) -> bool:
    with _gate(locations), FileLock.open(locations.supervisor_lock) as lock:
        return not lock.try_exclusive()


def _others_use(locations: Locations) -> bool:
    with FileLock.open(locations.users_lock) as lock:
        if not lock.try_shared():
            return False  # the daemon has it alone: it is stopping the services
        return not lock.try_exclusive()


@contextlib.contextmanager
def _gate(locations: Locations) -> Iterator[None]:
    with FileLock.open(locations.gate_lock) as gate:
        gate.lock()
        yield


def _gave_up(locations: Locations, status: Status) -> ServicesError:
    return ServicesError(f"{status.message}\nMore in {locations.services_log}")
