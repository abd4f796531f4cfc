"""Start child processes in order, restart those that crash, and end all of them reliably.

One loop in one thread. Each child leads its own session, so that the terminal's Ctrl-C does not
reach it; what a dead child leaves in its session is killed.
"""

import contextlib
import enum
import logging
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from soundscape_site.supervising import processes

logger = logging.getLogger(__name__)

_TICK_S = 0.05
_STOP_TICK_S = 0.01
_LEFTOVER_GRACE_S = 2.0
_LOG_TAIL_LINES = 3
_LOG_TAIL_BYTES = 4096
_LARGEST_LOG_BYTES = 10 * 2**20


class SupervisionError(Exception):
    """A child cannot be started or has ended too often."""


@dataclass(frozen=True)
class Account:
    """The user that a child runs as."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, kw_only=True)
class RestartBudget:
    """How often a child may end within a time window, and the delay before each restart."""

    limit: int = 5
    window_s: float = 60.0
    first_rest_s: float = 0.1
    longest_rest_s: float = 5.0
    tireless: bool = False  # e.g. for a full disk, which may get room again

    def rest_s(self, ends: int) -> float:
        """Return the delay after the `ends`-th end: doubled each time, up to the longest."""
        return min(self.longest_rest_s, self.first_rest_s * 2.0 ** (ends - 1))


@dataclass(frozen=True, kw_only=True)
class ChildSpec:
    """One child: its command, when it is ready, how to end it."""

    name: str
    argv: tuple[str, ...]
    log: Path
    env: Mapping[str, str] | None = None  # None: the supervisor's own
    account: Account | None = None  # None: the supervisor's own
    one_shot: bool = False  # must end with status 0 before the next child starts
    announcement: str = ""  # printed when it starts
    before_start: Callable[[], None] | None = None
    is_ready: Callable[[], bool] | None = None  # None: as soon as it runs
    ready_within_s: float = 30.0
    restarts: RestartBudget = field(default_factory=RestartBudget)
    stop_ladder: tuple[tuple[signal.Signals, float], ...] = (
        (signal.SIGTERM, 10.0),
        (signal.SIGKILL, 5.0),
    )
    parent_death_signal: signal.Signals = signal.SIGTERM  # sent by the kernel, see `processes`
    marker: str = ""  # part of its command line, to find leftovers of a killed run


class _State(enum.Enum):
    IDLE = enum.auto()
    STARTING = enum.auto()
    READY = enum.auto()  # for a one-shot child: ended with status 0
    RESTING = enum.auto()


class _Child:
    """The state of a child."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.state = _State.IDLE
        self.process: subprocess.Popen[bytes] | None = None
        self.was_ready = False
        self.launched_at = 0.0
        self.restart_at = 0.0
        self.ends: deque[float] = deque()

    def marked(self) -> list[int]:
        """List the processes with the child's marker, including those of a killed run."""
        if not self.spec.marker:
            return []
        return processes.running(Path(self.spec.argv[0]).name, self.spec.marker)

    def is_alive(self) -> bool:
        return self.process is not None

    def send(self, signum: signal.Signals) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signum)

    def count_end(self, how: str, now: float) -> None:
        """Plan the restart after an unexpected end; raise if there were too many."""
        budget = self.spec.restarts
        self.ends.append(now)
        while now - self.ends[0] > budget.window_s:
            self.ends.popleft()
        is_hopeless = len(self.ends) > budget.limit and not (budget.tireless and self.was_ready)
        if self.spec.one_shot or is_hopeless:
            often = (
                "" if self.spec.one_shot else f" {len(self.ends)} times in {budget.window_s:g} s"
            )
            message = f"{self.spec.name} ended{often} ({how}).{self._log_hint()}"
            raise SupervisionError(message)
        rest_s = budget.rest_s(len(self.ends))
        logger.warning("%s ended (%s); restarting in %.1f s", self.spec.name, how, rest_s)
        self.state, self.restart_at = _State.RESTING, now + rest_s

    def _log_hint(self) -> str:
        tail = self.spec.log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").splitlines()
        return "\n".join([f" Its log, {self.spec.log}, ends:", *tail[-_LOG_TAIL_LINES:]])


class Supervisor:
    """Starts children in order, keeps them running while wanted, stops them in reverse."""

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        *,
        wanted: Callable[[], bool],
        announce: Callable[[str], None] = logger.info,
    ) -> None:
        self._children = [_Child(spec) for spec in specs]
        self._wanted = wanted
        self._announce = announce
        self._stopping = False

    def start(self) -> bool:
        """Start every child and wait until it is ready; return False if no longer wanted."""
        for child in self._children:
            self._announce(child.spec.announcement or f"Starting {child.spec.name}")
            self._launch(child)
            while child.state is not _State.READY:
                if not self._wanted():
                    return False
                self._tick()
        return True

    def watch(self) -> None:
        """Keep the children running until they are no longer wanted."""
        while self._wanted():
            self._tick()

    def stop(self) -> None:
        """End all children in reverse order, each by its ladder of signals."""
        self._stopping = True
        for child in reversed(self._children):
            self._stop_child(child)

    def _tick(self) -> None:
        time.sleep(_TICK_S)
        self._reap()
        now = time.monotonic()
        for child in self._children:
            if child.state is _State.STARTING and not child.spec.one_shot:
                self._check_ready(child, now)
            elif child.state is _State.RESTING and now >= child.restart_at:
                self._launch(child)

    def _launch(self, child: _Child) -> None:
        spec = child.spec
        try:
            leftovers = processes.end_all(child.marked, grace_s=_LEFTOVER_GRACE_S)
            if leftovers:
                logger.warning("killed leftover processes of %s: %s", spec.name, leftovers)
            if spec.before_start is not None:
                spec.before_start()
            child.process = _spawn(spec)
        except (OSError, subprocess.SubprocessError, processes.LeftoverError) as error:
            message = f"{spec.name} cannot be started: {error}"
            raise SupervisionError(message) from error
        child.state, child.launched_at = _State.STARTING, time.monotonic()
        logger.info("%s started, process %d", spec.name, child.process.pid)

    def _check_ready(self, child: _Child, now: float) -> None:
        spec = child.spec
        if spec.is_ready is None or spec.is_ready():
            child.state, child.was_ready = _State.READY, True
            logger.info("%s is ready after %.2f s", spec.name, now - child.launched_at)
        elif now - child.launched_at > spec.ready_within_s:
            logger.error("%s was not ready within %g s", spec.name, spec.ready_within_s)
            child.send(signal.SIGKILL)

    def _reap(self) -> None:
        for child in self._children:
            if child.process is not None and (returncode := child.process.poll()) is not None:
                self._ended(child, child.process.pid, returncode)

    def _ended(self, child: _Child, pid: int, returncode: int) -> None:
        child.process = None
        try:  # leftovers could hold a port or a lock
            processes.end_all(lambda: processes.session(pid))
            processes.end_all(child.marked)
        except processes.LeftoverError as error:
            logger.error("%s ended, but left %s", child.spec.name, error)
        if self._stopping:
            return
        if child.spec.one_shot and returncode == 0:
            child.state = _State.READY
        else:
            child.count_end(_describe(returncode), time.monotonic())

    def _stop_child(self, child: _Child) -> None:
        began = time.monotonic()
        for signum, patience_s in child.spec.stop_ladder:
            if not child.is_alive():
                return
            logger.info("stopping %s with %s", child.spec.name, signum.name)
            child.send(signum)
            deadline = time.monotonic() + patience_s
            while child.is_alive() and time.monotonic() < deadline:
                time.sleep(_STOP_TICK_S)
                self._reap()
            if not child.is_alive():
                logger.info("%s ended after %.2f s", child.spec.name, time.monotonic() - began)
        if child.is_alive():
            logger.error("%s ignored every signal", child.spec.name)


def _spawn(spec: ChildSpec) -> subprocess.Popen[bytes]:
    account = spec.account
    with open_log(spec.log) as log:
        return subprocess.Popen(
            spec.argv,
            env=spec.env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            # Safe because the supervisor has one thread; runs after the change of user.
            preexec_fn=partial(  # noqa: PLW1509
                processes.die_with_parent, spec.parent_death_signal, os.getpid()
            ),
        )


def open_log(path: Path) -> IO[bytes]:
    """Open a log file for appending; rename it first if it is large."""
    if path.exists() and path.stat().st_size > _LARGEST_LOG_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return path.open("ab")


def _describe(returncode: int) -> str:
    if returncode < 0:
        return f"killed by {signal.Signals(-returncode).name}"
    return f"exit status {returncode}"
