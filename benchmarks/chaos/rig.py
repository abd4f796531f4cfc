"""The site under test: all its programs and data, in a temporary folder."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks.chaos import history, mines
from benchmarks.chaos.disk import Disk
from benchmarks.chaos.ledger import Ledger
from benchmarks.chaos.programs import Keeper, Program, wait_until
from benchmarks.chaos.proxy import NORMAL, Proxy
from benchmarks.chaos.servers import Postgres, Redis
from benchmarks.processes import ROOT, environment, free_port
from retrieval.jobs.policies import INFERENCE_QUEUE
from soundscape_site.embedded.database import OWNER_ROLE
from soundscape_site.embedded.locations import locate, prepare
from soundscape_site.supervising.supervisor import ChildSpec

WORKERS: Final = 2
_MANAGE: Final = str(ROOT / "manage.py")
_WITHIN_S: Final = 120.0
_CLOCKS_AGREE_S: Final = 1.0
_PHOTOS_DISK: Final = "2g"
_POSTGRES_DISK: Final = "1g"  # a new cluster, the rows of a run and the longest log
_REDIS_DISK: Final = "256m"
_FILL: Final = """
from datetime import timedelta
from pathlib import Path
from accounts.models import User
from accounts.services.api_keys import make_key
from benchmarks.chaos.library import fill
fill(Path({!r}))
user = User.objects.create_user("rig-program", "rig-program@example.org")
valid_for = timedelta(days=30)
print(make_key(user_id=user.pk, name="rig", scopes=["scenes:write"], valid_for=valid_for)[1])
"""


class Rig:
    """PostgreSQL, Redis, web, two workers, the sweeper and the ledger."""

    def __init__(self, *, sweep_every_s: float, planted_bug: str = "") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="soundscape-chaos-"))
        self.folder.chmod(0o755)  # PostgreSQL's user must be able to enter
        self.var = self.folder / "var"
        self.media = self.var / "media"
        self.control = self.folder / "control"
        for made in (self.var, self.control, self.var / "log", self.var / "models"):
            made.mkdir(mode=0o755)
        for weights in (ROOT / "var" / "models").glob("*.*"):
            (self.var / "models" / weights.name).symlink_to(weights)
        locations = locate(self.var)
        prepare(locations)
        self.media_disk = Disk(self.media, _PHOTOS_DISK)
        self.postgres_disk = Disk(locations.postgres_home, _POSTGRES_DISK)
        self.redis_disk = Disk(locations.redis_data, _REDIS_DISK)
        self._disks = (self.media_disk, self.postgres_disk, self.redis_disk)
        self.has_own_disk = all(disk.is_mounted for disk in self._disks)
        self.postgres, self.redis = Postgres(locations), Redis(locations)
        self.ledger = Ledger(self.folder / "ledger.jsonl")
        self.keeper = Keeper()
        sockets = self.folder / "sockets"
        self.to_postgres = Proxy(sockets / self.postgres.socket.name, self.postgres.socket)
        self.to_redis = Proxy(sockets / "redis.sock", self.redis.socket)
        self.address = ("127.0.0.1", free_port())
        self.url = "http://{}:{}".format(*self.address)
        self.api_secret = ""  # of a program's key
        self._planted_bug = planted_bug
        self.web = self._program("web", "-m", "benchmarks.chaos.web")
        self.sweeper = self._program("sweeper", _MANAGE, "sweep", "--every", str(sweep_every_s))
        self.workers = [self._worker(number) for number in range(WORKERS)]

    def start(self) -> None:
        """Create database and library, start every program and wait until all are ready."""
        self.postgres.start()
        self.redis.start()
        self.manage("migrate", "-v0", DATABASE_OWNER_URL=self.postgres.url(OWNER_ROLE))
        with self.postgres.session() as cursor:
            cursor.execute(history.INSTALL)
        self.manage("collectstatic", "--no-input", "-v0")
        filled = self.manage("shell", "-v0", "-c", _FILL.format(str(self.folder / "tones")))
        self.api_secret = filled.split()[-1]
        programs = [*self.workers, self.sweeper, self.web]
        for program in programs:
            program.start()
        self.keeper.keep(programs)
        wait_until(self.is_ready, "the site", within_s=_WITHIN_S)
        self.wait_for_workers()

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def wait_for_workers(self) -> None:
        for worker in self.workers:
            self.wait_for_child(worker)

    def wait_for_child(self, worker: Program, *, after: int = 0) -> None:
        """Wait until a worker's children have loaded their models more than `after` times."""

        def is_warm() -> bool:
            return worker.is_alive() and times_warm(worker) > after

        wait_until(is_warm, worker.name, within_s=_WITHIN_S)

    def restart_workers(self, *, model: str) -> None:
        """Restart the workers with another model, one after the other."""
        for worker in self.workers:
            with self.not_restarted(worker):
                worker.stop()
                worker.env[mines.MODEL] = model
                worker.log.unlink()
        self.wait_for_workers()

    @contextlib.contextmanager
    def not_restarted(self, program: Program) -> Iterator[None]:
        """Do not restart a program within the block; start it afterwards."""
        self.keeper.release(program)
        yield
        program.start()
        self.keeper.keep([program])

    @contextlib.contextmanager
    def web_behind_proxies(self) -> Iterator[None]:
        """Connect web to both servers through the proxies within the block."""
        direct = self.web.env
        proxied = {
            "DATABASE_URL": self.postgres.url(socket_directory=str(self.to_postgres.path.parent)),
            "REDIS_URL": f"unix://{self.to_redis.path}",
        }
        self._restart_web(direct | proxied)
        yield
        self.to_postgres.conditions = self.to_redis.conditions = NORMAL
        self._restart_web(direct)

    def _restart_web(self, environment: dict[str, str]) -> None:
        with self.not_restarted(self.web):
            self.web.stop()
            self.web.env = environment
        wait_until(self.is_ready, "web", within_s=_WITHIN_S)

    def set_clock(self, program: Program, *, ahead_s: float) -> None:
        """Shift a program's clock; wait until each of its processes has confirmed it."""
        path = self.write_control(mines.clock_of(program.name), f"{ahead_s:g}")

        # Web's children are other programs, which the file does not affect.
        forked = [] if program is self.web else program.children()

        def is_set() -> bool:
            return all(_is_ahead(path, pid, ahead_s) for pid in (program.pid, *forked))

        wait_until(is_set, f"{program.name}'s clock {ahead_s:+g} s")

    def write_control(self, name: str, what: str) -> Path:
        """Write a file into the control folder atomically, see `in_worker`; return its path."""
        draft = self.control / f".{name}"
        draft.write_text(what)
        return draft.replace(self.control / name)

    def stop(self) -> None:
        """End every program, even frozen or half-started ones; keep the folder."""
        self.keeper.end()
        with ExitStack() as ends:
            for disk in self._disks:
                ends.callback(disk.unmount)  # callbacks run in reverse order
            for program in (self.web, self.sweeper, *self.workers):
                ends.callback(program.kill)
            ends.callback(self.to_postgres.close)
            ends.callback(self.to_redis.close)
            ends.callback(self.redis.kill)
            ends.callback(self.postgres.stop, signal.SIGQUIT)
            ends.callback(self.ledger.close)

    def manage(self, *arguments: str, **variables: str) -> str:
        """Run a command of `manage.py`; return what it prints."""
        done = subprocess.run(
            [sys.executable, _MANAGE, *arguments], env=self._environment() | variables, cwd=ROOT,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"manage.py {arguments[0]}: {done.stdout}{done.stderr}")
        return done.stdout

    def _program(self, name: str, *arguments: str) -> Program:
        environment = self._environment() | {mines.CLOCK: mines.clock_of(name)}
        argv, log = (sys.executable, *arguments), self.var / "log" / f"{name}.log"
        return Program(ChildSpec(name=name, argv=argv, env=environment, log=log))

    def _worker(self, number: int) -> Program:
        return self._program(
            f"worker{number}", "-m", "celery", "--app", "soundscape_site.celery", "worker",
            "--include", "benchmarks.chaos.in_worker", "--queues", INFERENCE_QUEUE,
            "--hostname", f"worker{number}@chaos", "--pool", "prefork", "--concurrency", "1",
            "--without-mingle", "--loglevel", "INFO",
        )  # fmt: skip

    def _environment(self) -> dict[str, str]:
        return environment(self.var) | {
            "DJANGO_SETTINGS_MODULE": "soundscape_site.settings.local",
            "SOUNDSCAPE_MODEL_DIR": str(self.var / "models"),
            "DATABASE_URL": self.postgres.url(),
            "REDIS_URL": self.redis.url,
            "SOUNDSCAPE_BIND": self.url.removeprefix("http://"),
            "SOUNDSCAPE_MATCHER": "paper",  # the stand-ins know only its vocabulary
            "SOUNDSCAPE_QUEUE_LIMIT": "100000",  # no refusals because of load
            "SOUNDSCAPE_API_KEY_LIMITS": "0,0",
            "SOUNDSCAPE_API_ADDRESS_LIMITS": "0,0",
            "SOUNDSCAPE_PROXIES": "1",  # clients may name addresses of their own
            mines.CONTROL: str(self.control),
            mines.MODEL: mines.STAND_IN,
            mines.PLANTED: self._planted_bug,
            "PYTHONUNBUFFERED": "1",
        }


def times_warm(worker: Program) -> int:
    """Count how often a child of a worker has loaded its models."""
    return worker.log.read_text().count("image model and library are loaded")


def _is_ahead(path: Path, pid: int, ahead_s: float) -> bool:
    """Tell whether the time that a process wrote is shifted by `ahead_s`."""
    seen = path.with_name(f"{path.name}.{pid}")
    try:
        text, written = seen.read_text(), seen.stat().st_mtime
    except FileNotFoundError:
        return False
    return bool(text) and abs(float(text) - written - ahead_s) < _CLOCKS_AGREE_S
