"""Messages that the rig itself sends."""

from __future__ import annotations

from typing import Final

from celery import Celery

from benchmarks.chaos.rig import Rig
from retrieval.jobs.policies import INFERENCE_QUEUE

TASK: Final = f"{INFERENCE_QUEUE}.find_sounds_for_scene"


def app(rig: Rig) -> Celery:
    """Return a client of the rig's broker."""
    return Celery("chaos", broker=rig.redis.url.replace("unix://", "redis+socket://", 1))


def send_again(rig: Rig, scenes: list[str], *, often: int) -> None:
    """Send the messages of these scenes again."""
    client = app(rig)
    for scene in scenes:
        for _ in range(often):
            client.send_task(TASK, (scene,), queue=INFERENCE_QUEUE)


def send_unknown_tasks(rig: Rig) -> None:
    """Send unknown tasks and arguments, as an older or newer release would."""
    client = app(rig)
    client.send_task(f"{INFERENCE_QUEUE}.renamed_since", ("id",), queue=INFERENCE_QUEUE)
    client.send_task(TASK, (), {"of": "another release"}, queue=INFERENCE_QUEUE)
    unknown = "00000000-0000-0000-0000-000000000000"
    client.send_task(TASK, (unknown,), {"of": "another release"}, queue=INFERENCE_QUEUE)
