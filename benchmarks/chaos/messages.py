"""Celery messages that the rig sends itself."""

from __future__ import annotations

from typing import Final

from celery import Celery

from benchmarks.chaos.rig import Rig
from retrieval.jobs.policies import INFERENCE_QUEUE

TASK: Final = f"{INFERENCE_QUEUE}.find_sounds_for_scene"


def app(rig: Rig) -> Celery:
    """Return a Celery client of the rig's broker."""
    return Celery("chaos", broker=rig.redis.url.replace("unix://", "redis+socket://", 1))


def send_duplicates(rig: Rig, scenes: list[str], *, copies: int) -> None:
    """Send more messages for scenes that already have one."""
    client = app(rig)
    for scene in scenes:
        for _ in range(copies):
            client.send_task(TASK, (scene,), queue=INFERENCE_QUEUE)


def send_unknown_tasks(rig: Rig) -> None:
    """Send unknown tasks, arguments and scenes, as another release might."""
    client = app(rig)
    client.send_task(f"{INFERENCE_QUEUE}.renamed_since", ("id",), queue=INFERENCE_QUEUE)
    client.send_task(TASK, (), {"of": "another release"}, queue=INFERENCE_QUEUE)
    missing = "00000000-0000-0000-0000-000000000000"
    client.send_task(TASK, (missing,), {"of": "another release"}, queue=INFERENCE_QUEUE)
