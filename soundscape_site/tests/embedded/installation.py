"""Commands in separate processes that use the services of one var directory."""

import os
import pwd
import signal
import subprocess
import sys
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import psycopg2
import redis

from soundscape_site.embedded.locations import POSTGRES_PORT, locate
from soundscape_site.tests.embedded import command
from soundscape_site.tests.waiting import until

REPOSITORY = Path(__file__).resolve().parents[3]


class Installation:
    """A var directory, the commands that use it, and the processes of its services."""

    def __init__(self, var):
        self.var = var
        self._commands = ExitStack()

    @property
    def locations(self):
        return locate(self.var)

    def command(self, *services, ready=True, **options):
        """Start a command; if `ready`, wait until it has the services."""
        prefix = options.pop("prefix", ())
        process = subprocess.Popen(
            [*prefix, sys.executable, "-m", command.__name__, str(self.var), *services],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            **options,
        )
        self._commands.callback(end, process)
        if ready:
            expect(process, "ready\n")
        return process

    def spin(self):
        """Keep a backend of PostgreSQL busy; return its process id."""
        endless = "DO $$ BEGIN LOOP END LOOP; END $$"
        dsn = f"{self.dsn} user=soundscape_owner dbname=soundscape"
        script = f"import psycopg2; psycopg2.connect({dsn!r}).cursor().execute({endless!r})"
        client = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
        self._commands.callback(end, client)
        busy = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'"
        until(lambda: self.execute(busy))
        ((pid,),) = self.execute(busy)
        return pid

    def run_command(self, *services, **options):
        """Run a command from its start to its end."""
        leave(self.command(*services, **options))

    def daemon(self):
        """Return the daemon's process id."""
        (pid,) = self._processes(f"--var={self.locations.var}")
        return pid

    def postmaster(self):
        return int((self.locations.postgres_data / "postmaster.pid").read_text().split()[0])

    def redis_server(self):
        (pid,) = (pid for pid in self.servers() if b"redis" in _command_line(pid))
        return pid

    def servers(self):
        """Return every process of PostgreSQL and Redis."""
        return self._processes(self.locations.marker)

    def processes(self):
        """Return the daemon and the servers."""
        return [*self._processes(f"--var={self.locations.var}"), *self.servers()]

    @property
    def dsn(self):
        return f"host='{self.locations.postgres_socket_directory}' port={POSTGRES_PORT}"

    def connect(self, user="soundscape_owner", database="soundscape"):
        connection = psycopg2.connect(self.dsn, user=user, dbname=database)
        connection.autocommit = True
        return closing(connection)

    def execute(self, statement, **options):
        """Execute one statement; return its rows, if any."""
        with self.connect(**options) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def redis(self):
        return closing(redis.Redis(unix_socket_path=str(self.locations.redis_socket)))

    def answers(self):
        """Return whether both services answer; after a kill the daemon may still restart them."""
        try:
            with self.redis() as client:
                return self.execute("SELECT 1") == [(1,)] and client.ping()
        except (psycopg2.OperationalError, redis.ConnectionError):
            return False

    def close(self):
        """End the commands and check that all other processes end by themselves."""
        self._commands.close()
        try:
            until(lambda: not self.processes(), lambda: f"left running: {self.processes()}")
        finally:
            kill(*self.processes())

    @staticmethod
    def _processes(text):
        pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return [pid for pid in pids if text.encode() in _command_line(pid)]


def expect(process, line):
    """Wait for a line of a process's output."""
    assert process.stdout is not None
    assert process.stdout.readline() == line, process.communicate()


def end(process):
    process.kill()
    process.communicate()


def leave(process):
    """Wait until a command has ended by itself."""
    output, errors = process.communicate()
    assert (output, process.returncode) == ("left\n", 0), errors


def owner(pid):
    """Return the name of a process's user."""
    return pwd.getpwuid(Path(f"/proc/{pid}").stat().st_uid).pw_name


def kill(*pids):
    """Kill processes, of which some may already have ended."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has just ended
        return b""
