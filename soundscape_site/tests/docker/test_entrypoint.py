"""The containers' entry point, with stand-ins for the programs that it starts."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

import pytest

from soundscape_site.tests.docker.files import DOCKER, ENTRYPOINT, OURS

SCRIPTS = sorted(DOCKER.glob("*.sh"))
HEALTH_CHECKED = {name: service for name, service in OURS.items() if "healthcheck" in service}

CELERY = ["celery", "--app", "soundscape_site.celery"]


@dataclass
class Run:
    """One run of the entry point; the stand-in prints its process id and arguments."""

    pid: int
    status: int
    program_pid: str
    program: list[str]
    errors: str


@pytest.fixture
def entrypoint(tmp_path):
    for name in ("celery", "python"):
        program = tmp_path / name
        program.write_text('#!/bin/sh\nprintf "%s\\n" "$$" "${0##*/}" "$@"\n')
        program.chmod(0o755)

    def run(*arguments):
        process = subprocess.Popen(
            [ENTRYPOINT, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, cwd="/",
        )  # fmt: skip
        output, errors = process.communicate(timeout=30)
        program_pid, *program = output.splitlines() or [""]
        return Run(process.pid, process.returncode, program_pid, program, errors)

    return run


def worker(queue):
    return [
        *(*CELERY, "worker", "--queues", queue, "--hostname", f"{queue}@%h"),
        *("--pool", "prefork", "--concurrency", "1"),
        *("--without-gossip", "--without-mingle", "--loglevel", "INFO"),
    ]


def ping(queue):
    node = f"{queue}@{os.uname().nodename}"
    return [*CELERY, "inspect", "ping", "--destination", node, "--timeout", "10"]


@pytest.mark.parametrize(
    ("role", "program"),
    [
        ("web", ["python", "-m", "soundscape_site.web.server"]),
        ("inference", worker("inference")),
        ("ingest --prefetch-multiplier 2", [*worker("ingest"), "--prefetch-multiplier", "2"]),
        ("sweep", ["python", "manage.py", "sweep"]),
        ("send_webhooks", ["python", "manage.py", "send_webhooks"]),
        ("migrate", ["python", "manage.py", "migrate"]),
        ("manage match photo.jpg", ["python", "manage.py", "match", "photo.jpg"]),
        ("healthy web", ["python", "docker/web_health.py"]),
        ("healthy inference", ping("inference")),
        ("healthy ingest", ping("ingest")),
    ],
)
def test_each_role_becomes_its_program(entrypoint, role, program):
    run = entrypoint(*role.split())
    assert run.program == program, run.errors
    assert run.program_pid == str(run.pid)  # no shell stays between it and the signals


@pytest.mark.parametrize("role", ["", "nonsense", "healthy", "healthy sweep"])
def test_an_unknown_role_prints_the_known_ones(entrypoint, role):
    run = entrypoint(*role.split())
    assert run.status == 2
    assert run.program == []
    assert "usage: entrypoint.sh ROLE" in run.errors


@pytest.mark.parametrize("name", OURS)
def test_commands_of_compose_are_roles(entrypoint, name):
    run = entrypoint(*OURS[name]["command"])
    assert run.status == 0, run.errors
    assert run.program


@pytest.mark.parametrize("name", HEALTH_CHECKED)
def test_health_checks_of_compose_ask_for_their_own_role(entrypoint, name):
    kind, program, *arguments = HEALTH_CHECKED[name]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "/app/docker/entrypoint.sh")
    assert arguments == ["healthy", *OURS[name]["command"]]
    assert entrypoint(*arguments).status == 0


def test_long_running_roles_have_a_health_check():
    assert HEALTH_CHECKED.keys() == {"web", "webhooks", "inference", "ingest"}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_are_bash_and_may_run(path):
    assert path.read_text().startswith("#!/usr/bin/env bash\n")
    assert os.access(path, os.X_OK)
    subprocess.run(["bash", "-n", path], check=True)
