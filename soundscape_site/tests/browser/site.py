"""A separate running site: `manage.py serve` in a temporary var directory."""

from __future__ import annotations

import contextlib
import csv
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from soundscape_site.settings.paths import BASE_DIR, SHARED_DIR
from soundscape_site.supervising import processes
from soundscape_site.tests import waiting

LIBRARY: Final = SHARED_DIR / "library"
PHOTOS: Final = SHARED_DIR / "photos" / "kodak"
CHECKOUT_MODELS: Final = BASE_DIR / "var" / "models"

_LONGEST_START_S: Final = 120.0  # all browser tests need it, on a machine with other work too
QUEUE_LIMIT: Final = 1
"""One photo may be queued: enough for uploads one after the other."""

_OF_EACH_CLASS: Final = 2
_LONGEST_BYTES: Final = 400_000  # of a recording; longer ones only take time
_NOT_INHERITED: Final = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SOUNDSCAPE_MEDIA_ROOT")
_STARTED: Final = re.compile(r": inference started, process (\d+)$", re.MULTILINE)


class Site:
    """A site as an operator runs it: started by a command, ended by Ctrl-C."""

    def __init__(self, *, host: str = "127.0.0.1") -> None:
        # Not pytest's directory, which PostgreSQL's user cannot enter.
        self.directory = Path(tempfile.mkdtemp(prefix="soundscape-site-"))
        self.directory.chmod(0o755)
        self.var = self.directory / "var"
        self.var.mkdir(mode=0o755)
        (self.var / "models").symlink_to(CHECKOUT_MODELS)
        self.host, self.port = host, _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.empty_front = ""  # the front page with an empty library
        self._output = self.directory / "serve.log"
        self._serve: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Create the database and serve; return when the site is ready."""
        self.manage("migrate", "--verbosity", "0")
        with self._output.open("wb") as output:
            self._serve = subprocess.Popen(
                [*_MANAGE, "serve", "--host", self.host, "--port", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                cwd=BASE_DIR,
            )
        waiting.until(
            lambda: "\nReady after " in self.output or self._serve.poll() is not None,
            lambda: self.output,
            longest_s=_LONGEST_START_S,
        )
        assert self._serve.poll() is None, self.output

    def stop(self) -> None:
        """End the site and delete its files; no process may be left."""
        self.end()
        shutil.rmtree(self.directory)

    def end(self) -> None:
        """End the site by Ctrl-C, if it runs; no process may be left."""
        if self._serve is not None and self._serve.poll() is None:
            self._serve.send_signal(signal.SIGINT)
            try:
                self._serve.wait(60)
            except subprocess.TimeoutExpired:
                self._serve.kill()
                raise
        assert not (left := self.processes()), left

    def kill(self) -> None:
        """Kill the command by SIGKILL."""
        assert self._serve is not None
        self._serve.kill()
        self._serve.wait()

    def manage(self, *arguments: str) -> str:
        """Run a management command; return its output."""
        done = subprocess.run(
            [*_MANAGE, *arguments],
            env=self._environment(),
            cwd=BASE_DIR,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def import_recordings(self) -> None:
        """Import a few recordings of every class: more than a result shows."""
        manifest = self.directory / "manifest.csv"
        write_manifest(manifest)
        self.manage("import_clips", str(manifest))

    @property
    def output(self) -> str:
        """The output of the command so far."""
        return self._output.read_text()

    def log(self, name: str) -> str:
        """Return the log of one of the site's processes."""
        return (self.var / "log" / f"{name}.log").read_text()

    def get(self, path: str) -> str:
        """Return a page's source."""
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            source: str = answer.read().decode()
            return source

    @contextlib.contextmanager
    def worker_stopped(self) -> Iterator[None]:
        """Stop the inference worker by SIGSTOP; it keeps its connections."""
        worker = processes.session(int(_STARTED.findall(self.log("serve"))[-1]))
        _send(signal.SIGSTOP, worker)
        try:
            yield
        finally:
            _send(signal.SIGCONT, worker)

    def wait_for_worker(self) -> None:
        """Wait until the front page reports a live worker."""
        waiting.until(lambda: "Nobody is at work" not in self.get("/"))

    def processes(self) -> dict[int, str]:
        """List this site's processes, found by their command or environment."""
        return {
            int(entry.name): command
            for entry in Path("/proc").glob("[0-9]*")
            if (command := self._command_of_ours(entry))
        }

    def _command_of_ours(self, process: Path) -> str:
        mine = str(self.var).encode()
        try:
            command = (process / "cmdline").read_bytes()
            ours = mine in command or mine in (process / "environ").read_bytes()
        except OSError:  # ended meanwhile, or another user's
            return ""
        return command.replace(b"\0", b" ").decode(errors="replace") if ours else ""

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        return kept | {
            "DJANGO_SETTINGS_MODULE": "soundscape_site.settings.local",
            "SOUNDSCAPE_VAR_DIR": str(self.var),
            "SOUNDSCAPE_QUEUE_LIMIT": str(QUEUE_LIMIT),
            "SOUNDSCAPE_VISITOR_LIMITS": "0,0,0",  # all tests upload from one address
            "SOUNDSCAPE_SAMPLE_PHOTOS": str(PHOTOS),
            "SOUNDSCAPE_MINIMUM_LISTEN_S": "0",  # tests grade faster than people
        }


_MANAGE: Final = (sys.executable, str(BASE_DIR / "manage.py"))


def write_manifest(path: Path) -> None:
    """Choose short recordings of every class in the shared library."""
    with (LIBRARY / "library.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    taken: Counter[str] = Counter()
    chosen = []
    for row in rows:
        recording = LIBRARY / row["path"]
        kind = row["tags"]
        if taken[kind] < _OF_EACH_CLASS and recording.stat().st_size < _LONGEST_BYTES:
            taken[kind] += 1
            chosen.append(row | {"path": str(recording)})
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(chosen)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _send(number: signal.Signals, pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, number)
