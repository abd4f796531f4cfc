"""Real workers with Redis and PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from celery.utils.nodenames import worker_direct
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection

from retrieval.jobs.priority import NICENESS
from retrieval.models import JobState, Scene
from retrieval.tasks import find_sounds_for_scene
from soundscape_site.celery import app
from soundscape_site.settings.paths import BASE_DIR
from soundscape_site.tasks import canary
from soundscape_site.tests.waiting import until

INCLUDED = (
    "soundscape_site.tests.worker.real_worker"  # loaded there, never here: it changes what it loads
)
CANARIES = 60  # half as many again as fit into the time after which a silent worker is deaf

pytestmark = pytest.mark.services


@pytest.mark.parametrize(
    ("options", "named"),
    [(["--concurrency", "2"], "2"), (["--autoscale", "3,1"], "(3, 1)"), ([], str(os.cpu_count()))],
    ids=["two", "autoscale", "unset"],
)
def test_a_worker_with_another_concurrency_than_one_does_not_start(options, named):
    ended = subprocess.run(
        [sys.executable, "-m", "celery", "--app", "soundscape_site.celery", "worker", *options],
        cwd=BASE_DIR, check=False, capture_output=True, text=True, timeout=60,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "soundscape_site.settings.test"},
    )  # fmt: skip
    assert ended.returncode == 1
    assert f"cannot start with a concurrency of {named}: " in ended.stderr
    assert "Start it with --concurrency 1" in ended.stderr


class Worker:
    """One running worker and its log."""

    def __init__(self, directory, **environment):
        self.queue = f"test-{secrets.token_hex(4)}"
        self.node = f"{self.queue}@test"
        self._log = directory / "worker.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "celery", "--app", "soundscape_site.celery", "worker",
                    "--include", INCLUDED, "--queues", self.queue, "--hostname", self.node,
                    "--pool", "prefork", "--concurrency", "1", "--without-mingle",
                    "--loglevel", "INFO",
                ],
                stdout=log, stderr=log, cwd=BASE_DIR, start_new_session=True,
                env=os.environ | {"DJANGO_SETTINGS_MODULE": "soundscape_site.settings.test"}
                | environment,
            )  # fmt: skip
        self.wait_for(" ready.")

    @property
    def log(self):
        return self._log.read_text()

    def wait_for(self, text, times=1):
        until(lambda: self.log.count(text) >= times, lambda: self.log)

    def send(self, name, *args, **kwargs):
        app.send_task(name, args, kwargs, queue=self.queue)

    def end(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def worker(tmp_path):
    running = []

    def start(**environment):
        running.append(Worker(tmp_path, **environment))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.end()


def test_a_hearing_worker_lives_and_a_deaf_one_ends(worker):
    hearing = worker()
    hearing.wait_for(f"Task {canary.name}", times=CANARIES)
    assert hearing.process.poll() is None
    for queue in (hearing.queue, worker_direct(hearing.node).name):
        app.control.cancel_consumer(queue, destination=[hearing.node])
    until(lambda: hearing.process.poll() is not None, lambda: hearing.log)
    assert hearing.process.returncode == -signal.SIGKILL
    assert "this worker is deaf" in hearing.log


def test_an_ingest_worker_lowers_its_priority(worker):
    recordings = worker().process.pid  # its queue is none for photos
    assert os.getpriority(os.PRIO_PROCESS, recordings) == min(19, os.nice(0) + NICENESS)
    with contextlib.suppress(FileNotFoundError):  # a kernel that does not share by session
        session = Path(f"/proc/{recordings}/autogroup").read_text()
        assert session == "" or session.endswith(f" nice {NICENESS}\n")


def test_messages_of_other_releases_do_no_harm(worker):
    living = worker()
    living.send("inference.renamed_since", "id")
    living.send(canary.name, "an argument that is no more")
    with app.connection_for_write() as broker, app.amqp.Producer(broker) as producer:
        producer.publish(b"?", routing_key=living.queue, content_type="application/x-of-old",
                         content_encoding="binary")  # fmt: skip
    app.send_task(canary.name, (), {"of": "a newer release"}, queue=living.queue, task_id="newer")
    living.wait_for(f"Task {canary.name}[newer] succeeded")
    assert "inference.renamed_since" in living.log
    assert "application/x-of-old" in living.log
    assert living.process.poll() is None


@pytest.mark.parametrize("name", sorted(name for name in app.tasks if "celery." not in name))
def test_every_task_ignores_arguments_of_a_newer_release(name):
    assert app.tasks[name].run.__kwdefaults__ is None  # positional ids and **_, nothing else
    assert app.tasks[name].run.__code__.co_flags & 0x08  # CO_VARKEYWORDS


@pytest.fixture
def scene(settings, tmp_path, transactional_db):
    settings.MEDIA_ROOT = tmp_path / "media"
    default_storage.save("p.rgb", ContentFile(b"rgb"))
    return Scene.objects.create(
        photo_sha256="ab" * 32, photo="p.jpg", model_input="p.rgb", width_px=3, height_px=2
    )


@pytest.fixture
def site_worker(worker, tmp_path):
    """Start a worker on the database and the media of this test."""
    given = connection.settings_dict
    user = quote(given["USER"]) + (f":{quote(given['PASSWORD'])}" if given["PASSWORD"] else "")
    where = urlencode({"host": given["HOST"], "port": given["PORT"]})
    return lambda deed: worker(
        DATABASE_URL=f"postgres://{user}@/{given['NAME']}?{where}",
        SOUNDSCAPE_TEST_MEDIA_ROOT=str(tmp_path / "media"),
        SOUNDSCAPE_TEST_DEED=deed,
    )


def state_of(scene):
    scene.refresh_from_db()
    return scene.state, scene.attempts, scene.failure_code


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("deed", ["die at first", "want too much at first"])
def test_a_dead_childs_job_is_done_by_the_next_child_without_the_sweeper(site_worker, scene, deed):
    deadly = site_worker(deed)
    deadly.send(find_sounds_for_scene.name, str(scene.pk))
    until(lambda: state_of(scene)[0] == JobState.FAILED, lambda: deadly.log)
    assert state_of(scene) == (JobState.FAILED, 2, "nothing_found")
    assert deadly.process.poll() is None


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_sigterm_lets_the_current_photo_finish(site_worker, scene):
    stopping = site_worker("linger")
    stopping.send(find_sounds_for_scene.name, str(scene.pk))
    until(lambda: state_of(scene)[0] == JobState.PROCESSING, lambda: stopping.log)
    stopping.process.terminate()
    assert stopping.process.wait(30) == 0
    assert state_of(scene) == (JobState.FAILED, 1, "nothing_found")
