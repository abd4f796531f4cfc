"""Create background jobs and wake workers for them after the commit; nothing else enqueues.

Apps above this one have a `submission` of their own, which calls `wake`; `SOUNDSCAPE_JOBS` names
their jobs, so that the sweeper finds them.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, cast
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string
from kombu.exceptions import ChannelError, OperationalError
from redis import RedisError

from retrieval.catalogue.manifest import ManifestEntry
from retrieval.jobs.overdue import WAKE_UP_LOST_AFTER, overdue_jobs, queued_jobs
from retrieval.jobs.policies import OwnedTask
from retrieval.jobs.transitions import note_woken, release_expired, release_owned
from retrieval.models import (
    DataExport,
    Job,
    JobState,
    LibraryImport,
    LibraryProfiling,
    Scene,
    SceneRematch,
    Visibility,
)
from retrieval.quotas.limits import Allowance
from retrieval.selectors.clip_filters import EVERY_CLIP, ClipFilter
from retrieval.selectors.matchers import matcher_in_force
from retrieval.selectors.networks import available_spaces
from retrieval.services.exporting import request_export
from retrieval.services.importing.jobs import request_import
from retrieval.services.importing.sent import request_sent_import
from retrieval.services.profiling import request_missing_profiles
from retrieval.services.rematching import request_rematch
from retrieval.services.uploads import Refusal, SentPhoto, receive_photo, receive_photos
from retrieval.tasks import (
    export_data,
    find_sounds_for_scene,
    profile_library,
    rematch_scene,
    run_import,
)

logger = logging.getLogger(__name__)

# Kombu translates connection errors, but passes on what Redis answers, for example that it is out
# of memory, still loading or read-only.
_BROKER_ERRORS: Final = (OperationalError, RedisError)


def submit_photo(
    *,
    content: bytes,
    allowances: Sequence[Allowance],
    owner_id: int | None,
    judging_allowed: bool = False,
    title: str = "",
    visibility: Visibility = Visibility.UNLISTED,
    clip_filter: ClipFilter = EVERY_CLIP,
) -> Scene:
    """Receive a photo and wake a worker for it; raises what `receive_photo` raises."""
    scene = receive_photo(
        content=content,
        allowances=allowances,
        owner_id=owner_id,
        judging_allowed=judging_allowed,
        title=title,
        visibility=visibility,
        clip_filter=clip_filter,
    )
    _wake_after_commit(scene)
    return scene


def submit_photos(
    *, photos: Sequence[SentPhoto], allowances: Sequence[Allowance], owner_id: int
) -> list[Scene | Refusal]:
    """Receive several photos and wake workers for those that were accepted."""
    outcomes = receive_photos(photos=photos, allowances=allowances, owner_id=owner_id)
    for outcome in outcomes:
        if isinstance(outcome, Scene):
            _wake_after_commit(outcome)
    return outcomes


def submit_rematch(
    *,
    scene_id: UUID,
    matcher: str,
    allowances: Sequence[Allowance],
    clip_filter: ClipFilter = EVERY_CLIP,
) -> SceneRematch | None:
    """Let a scene show what the newest library has, as `request_rematch` does."""
    with transaction.atomic():
        rematch = request_rematch(
            scene_id=scene_id,
            matcher=matcher_in_force(matcher),
            allowances=allowances,
            queue_limit=settings.SOUNDSCAPE_QUEUE_LIMIT,
            clip_filter=clip_filter,
        )
        if rematch is not None and rematch.state == JobState.QUEUED:
            transaction.on_commit(partial(wake, rematch_scene, rematch.pk))
    return rematch


def submit_import(source: str, *, requested_by: int | None = None) -> LibraryImport:
    """Request the import of a manifest or folder on the server."""
    with transaction.atomic():
        wanted = request_import(source=source, requested_by=requested_by)
        transaction.on_commit(partial(wake, run_import, wanted.pk))
    return wanted


def submit_recording(entry: ManifestEntry, *, sha256: str, requested_by: int) -> LibraryImport:
    """Request the import of a recording that was sent; raises what `request_sent_import` raises."""
    with transaction.atomic():
        wanted = request_sent_import(entry=entry, sha256=sha256, requested_by=requested_by)
        transaction.on_commit(partial(wake, run_import, wanted.pk))
    return wanted


def submit_missing_profiles() -> int:
    """Request profiles for recordings that lack them in a space; return the number of jobs."""
    with transaction.atomic():
        requested = request_missing_profiles(spaces=available_spaces())
        for profiling in requested:
            transaction.on_commit(partial(wake, profile_library, profiling.pk))
    return len(requested)


def submit_export(*, user_id: int) -> DataExport:
    """Request an export of a person's data; raises what `request_export` raises."""
    with transaction.atomic():
        export = request_export(user_id=user_id)
        transaction.on_commit(partial(wake, export_data, export.pk))
    return export


def wake_for_photo(scene: Scene) -> None:
    """Wake a worker for a photo that an app above this one has added."""
    if scene.state == JobState.QUEUED:
        wake(find_sounds_for_scene, scene.pk)


def wake_overdue() -> int:
    """Queue jobs with an expired lease again and wake workers for overdue jobs; count these."""
    tasks = _tasks()
    for model in tasks:
        release_expired(model)
    woken = 0
    missing = _missing_messages(tasks)
    for model, task in tasks.items():
        for pk in _to_be_woken(model, missing=missing[_queue_of(task)]):
            if not wake(task, pk):
                return woken  # no broker: do not wait for a timeout for each of the others
            note_woken(model, pk)
            woken += 1
    return woken


def release_claims_of(owner: str) -> int:
    """Queue the jobs of a dead lease owner again; return how many."""
    return sum(release_owned(model, owner=owner) for model in _tasks())


def wake(task: OwnedTask, pk: Any) -> bool:
    """Send a message; return False if there is no broker. The sweeper replaces lost messages."""
    try:
        task.delay(pk if isinstance(pk, int) else str(pk))
    except _BROKER_ERRORS as error:
        logger.warning("no broker to wake a worker for %s %s: %s", task.name, pk, error)
        return False
    return True


def _wake_after_commit(scene: Scene) -> None:
    if scene.state == JobState.QUEUED:
        transaction.on_commit(partial(wake, find_sounds_for_scene, scene.pk))


def _to_be_woken(model: type[Job], *, missing: int) -> list[Any]:
    """Return the jobs that a worker has to be woken for.

    If the broker holds fewer messages than there are queued jobs, it has lost some. Then jobs are
    sent again without the long pause that otherwise keeps messages from piling up. A duplicate is
    harmless.
    """
    overdue = overdue_jobs(model)
    if missing <= len(overdue):
        return overdue
    lost = overdue_jobs(model, again_after=WAKE_UP_LOST_AFTER, limit=missing)
    return list(dict.fromkeys([*overdue, *lost]))


def _missing_messages(tasks: Mapping[type[Job], OwnedTask]) -> Counter[str]:
    """Return by queue how many more jobs than messages there are; empty without a broker."""
    missing: Counter[str] = Counter()
    for model, task in tasks.items():
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
    """Return how many messages of a queue no worker has fetched."""
    try:
        return int(channel.queue_declare(queue, passive=True).message_count)
    except ChannelError:  # Redis deletes empty lists
        return 0


def _queue_of(task: OwnedTask) -> str:
    return str(task.app.amqp.router.route({}, task.name)["queue"].name)


def _tasks() -> dict[type[Job], OwnedTask]:
    """Return the task of each kind of job, those of apps above this one last."""
    return _OWN_TASKS | {
        cast("type[Job]", apps.get_model(model)): import_string(task)
        for model, task in settings.SOUNDSCAPE_JOBS.items()
    }


_OWN_TASKS: Final[dict[type[Job], OwnedTask]] = {
    Scene: find_sounds_for_scene,
    SceneRematch: rematch_scene,
    LibraryImport: run_import,
    LibraryProfiling: profile_library,
    DataExport: export_data,
}
