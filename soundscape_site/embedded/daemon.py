"""The process that supervises the embedded services while commands use them."""

import contextlib
import logging
import signal
from collections.abc import Callable, Mapping
from types import FrameType

from soundscape_site.embedded import postgres, redis
from soundscape_site.embedded.errors import ServicesError
from soundscape_site.embedded.locations import Locations
from soundscape_site.embedded.locks import FileLock
from soundscape_site.embedded.status import Service, State, Status
from soundscape_site.supervising.supervisor import ChildSpec, SupervisionError, Supervisor

logger = logging.getLogger(__name__)

_CHILDREN: Mapping[Service, Callable[[Locations], list[ChildSpec]]] = {
    Service.POSTGRES: postgres.children,
    Service.REDIS: redis.children,
}


class Daemon:
    """Runs the services until no command uses them, or until a signal stops it."""

    def __init__(
        self, locations: Locations, services: frozenset[Service], supervisor_lock: FileLock
    ) -> None:
        self._locations = locations
        self._services = services
        self._supervisor_lock = supervisor_lock
        self._users_lock = FileLock.open(locations.users_lock)
        self._stop_requested = False

    def run(self) -> int:
        """Start, watch and stop the services; return the exit status."""
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, self._stop_soon)
        with contextlib.ExitStack() as cleanup:
            try:
                self._announce("Starting the services")
                supervisor = Supervisor(self._specs(), wanted=self._wanted, announce=self._announce)
                cleanup.callback(supervisor.stop)
                if supervisor.start():
                    self._report(State.READY, "The services are ready")
                    supervisor.watch()
            except (ServicesError, SupervisionError, OSError) as error:
                self._report(State.FAILED, str(error))
                return 1
            self._report(State.STOPPING, "Stopping the services")
        return 0

    def _specs(self) -> list[ChildSpec]:
        return [
            spec
            for service, children in _CHILDREN.items()
            if service in self._services
            for spec in children(self._locations)
        ]

    def _wanted(self) -> bool:
        """Return whether to go on; after False, new commands wait until this process has ended."""
        if self._stop_requested:
            return False
        if not self._in_place():
            logger.warning("%s was removed", self._locations.run)
            return False
        return not self._users_lock.try_exclusive()

    def _in_place(self) -> bool:
        return self._supervisor_lock.is_current() and self._users_lock.is_current()

    def _stop_soon(self, signum: int, _frame: FrameType | None) -> None:
        logger.info("stopping on %s", signal.Signals(signum).name)
        self._stop_requested = True

    def _announce(self, message: str) -> None:
        self._report(State.STARTING, message)

    def _report(self, state: State, message: str) -> None:
        logger.info("%s: %s", state, message)
        if self._in_place():
            Status(state, message, self._services).write(self._locations.status)
