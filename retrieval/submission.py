"""The only module that wakes workers, and only after the database has what they need."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from kombu.exceptions import ChannelError, OperationalError
from redis import RedisError

from retrieval.decoding.pool import DecodedPhoto
from retrieval.jobs.overdue import WAKE_UP_LOST_AFTER, overdue_jobs, queued_jobs
from retrieval.jobs.policies import OwnedTask
from retrieval.jobs.transitions import note_woken, release_expired, release_owned
from retrieval.models import Job, JobState, LibraryImport, LibraryProfiling, Scene
from retrieval.quotas.daily import count_upload
from retrieval.quotas.senders import Allowance
from retrieval.selectors.matchers import matcher_in_force
from retrieval.selectors.networks import available_spaces
from retrieval.services.import_jobs import request_import
from retrieval.services.profiling import request_missing_profiles
from retrieval.services.scenes import accept_photo
from retrieval.tasks import find_sounds_for_scene, profile_library, run_import

logger = logging.getLogger(__name__)

# Kombu translates what goes wrong with the connection, and hands on what Redis answers: that it
# is full, that it is still reading its file, that it may not write.
_BROKER_ERRORS: Final = (OperationalError, RedisError)


def submit_photo(
    decoded: DecodedPhoto,
    *,
    owner_id: int | None = None,
    allowances: Sequence[Allowance] = (),
    byte_size: int = 0,
) -> Scene:
    """Accept a photo, count it on its sender's allowances, and wake a worker for it.

    Raises
    ------
    QueueFullError
        If too many photos wait already.
    QuotaExceededError
        If its sender has sent too much today; then nothing is counted either.
    """
    with transaction.atomic():
        scene = accept_photo(
            decoded,
            matcher=matcher_in_force(settings.SOUNDSCAPE_MATCHER),
            queue_limit=settings.SOUNDSCAPE_QUEUE_LIMIT,
            owner_id=owner_id,
        )
        count_upload(allowances, byte_size=byte_size)  # last: others wait for these rows
        if scene.state == JobState.QUEUED:
            transaction.on_commit(lambda: _wake(find_sounds_for_scene, scene.pk))
    logger.info("scene %s accepted, %s", scene.pk, scene.state)
    return scene


def submit_import(source: str, *, requested_by: int | None = None) -> LibraryImport:
    """Have a manifest or folder on the server imported in the background."""
    with transaction.atomic():
        wanted = request_import(source, requested_by=requested_by)
        transaction.on_commit(lambda: _wake(run_import, wanted.pk))
    return wanted


def submit_missing_profiles() -> int:
    """Have recordings described anew where a space or a model has changed; return how many jobs."""
    with transaction.atomic():
        requested = request_missing_profiles(available_spaces())
        for profiling in requested:
            transaction.on_commit(partial(_wake, profile_library, profiling.pk))
    return len(requested)


def wake_overdue() -> int:
    """Queue again what lost its worker and wake workers for what nobody took; count the latter."""
    for model in _TASKS:
        release_expired(model)
    woken = 0
    missing = _missing_messages()
    for model, task in _TASKS.items():
        for pk in _to_be_woken(model, missing=missing[_queue_of(task)]):
            if not _wake(task, pk):
                return woken  # no broker: the rest would only wait for it one after the other
            note_woken(model, pk)
            woken += 1
    return woken


def release_claims_of(owner: str) -> int:
    """Queue again whatever an owner held that is known to be dead; return how many jobs."""
    return sum(release_owned(model, owner=owner) for model in _TASKS)


def _to_be_woken(model: type[Job], *, missing: int) -> list[Any]:
    """Return the jobs that no message waits for, as far as one can tell.

    A broker with fewer messages than jobs wait has lost some, if not all: they are sent again
    without the long pause that keeps messages from piling up. One sent twice does no harm.
    """
    overdue = overdue_jobs(model)
    if missing <= len(overdue):
        return overdue
    forgotten = overdue_jobs(model, again_after=WAKE_UP_LOST_AFTER, limit=missing)
    return list(dict.fromkeys([*overdue, *forgotten]))


def _missing_messages() -> Counter[str]:
    """Return how many more jobs wait than messages, by queue; none where no broker answers."""
    missing: Counter[str] = Counter()
    for model, task in _TASKS.items():
        missing[_queue_of(task)] += queued_jobs(model)
    try:
        with find_sounds_for_scene.app.connection_for_write() as connection:
            for queue in missing:
                missing[queue] -= _messages_waiting(queue, connection.default_channel)
    except _BROKER_ERRORS as error:
        logger.warning("no broker to count messages: %s", error)
        missing.clear()
    return missing


def _messages_waiting(queue: str, channel: Any) -> int:
    """Ask the broker how many messages of a queue no worker has taken yet."""
    try:
        return int(channel.queue_declare(queue, passive=True).message_count)
    except ChannelError:  # Redis knows no empty lists
        return 0


def _queue_of(task: OwnedTask) -> str:
    return str(task.app.amqp.router.route({}, task.name)["queue"].name)


def _wake(task: OwnedTask, pk: Any) -> bool:
    """Send a wake-up. One that is lost costs time only: the sweeper sends it again."""
    try:
        task.delay(pk if isinstance(pk, int) else str(pk))
    except _BROKER_ERRORS as error:
        logger.warning("no broker to wake a worker for %s %s: %s", task.name, pk, error)
        return False
    return True


_TASKS: Final[Mapping[type[Job], OwnedTask]] = {
    Scene: find_sounds_for_scene,
    LibraryImport: run_import,
    LibraryProfiling: profile_library,
}
