"""Start, signal, kill and restart the site's processes."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable

import psutil

from benchmarks.processes import ROOT
from soundscape_site.supervising import processes
from soundscape_site.supervising.supervisor import ChildSpec

_TIMEOUT_S = 60.0
_CHECK_EVERY_S = 0.25
_RESTART_DELAY_S = 0.5


def wait_until(condition: Callable[[], bool], what: str, *, within_s: float = _TIMEOUT_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {within_s:g} s")
        time.sleep(0.05)


class Program:
    """One process and its descendants, in a separate session."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec, self.name = spec, spec.name
        self.env = dict(spec.env or {})
        self.log = spec.log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        account = self.spec.account
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.spec.argv, env=self.env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, user=account.uid if account else None,
                group=account.gid if account else None, extra_groups=[] if account else None,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        if self.process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self.process.pid

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def children(self) -> list[int]:
        try:
            return [child.pid for child in psutil.Process(self.pid).children()]
        except psutil.Error:
            return []

    def send(self, number: signal.Signals) -> None:
        """Signal only the process."""
        if self.is_alive():
            os.kill(self.pid, number)

    def wait(self, within_s: float = _TIMEOUT_S) -> int:
        return 0 if self.process is None else self.process.wait(within_s)

    def kill(self) -> None:
        """Kill the process and its descendants."""
        if self.process is not None:
            processes.end_all(lambda: processes.session(self.pid), patience_s=_TIMEOUT_S)
            self.wait()

    def stop(self, number: signal.Signals = signal.SIGTERM, within_s: float = 40.0) -> int:
        """Send a stop signal, wait, kill what remains; return the exit status."""
        self.send(number)
        try:
            return self.wait(within_s)
        finally:
            self.kill()


class Keeper:
    """Restarts programs that exit unexpectedly, as the site's supervisor does."""

    def __init__(self) -> None:
        self._kept: list[Program] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._thread.start()
        self.restarts: list[str] = []

    def keep(self, programs: Iterable[Program]) -> None:
        with self._lock:
            self._kept.extend(programs)

    def release(self, program: Program) -> None:
        with self._lock:
            if program in self._kept:
                self._kept.remove(program)

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._ended.wait(_CHECK_EVERY_S):
            with self._lock:
                for program in self._kept:
                    if not program.is_alive():
                        program.kill()  # descendants may still run
                        self.restarts.append(program.name)
                        time.sleep(_RESTART_DELAY_S)
                        program.start()
