"""Delete scenes, on request or when their retention ends, and files that no row needs any more.

The last scene of a photo takes the photo's runs and profiles with it. Files are removed after the
commit, unless another row refers to them. The sweeper completes interrupted deletions.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import transaction

from accounts.services.audit import record
from accounts.services.idempotency import forget_answers
from retrieval.models import DeletedScene, DiscardedFile, MatchRun, Scene, SceneProfile
from retrieval.selectors.deletion import (
    discarded_names,
    expired_scene_ids,
    photo_has_scene,
)
from retrieval.selectors.holds import is_held
from retrieval.selectors.media_files import is_named
from retrieval.storage.content_locks import lock_exclusively

logger = logging.getLogger(__name__)

_BATCH: Final = 200  # a second or two of work


def delete_scene(
    *, scene_id: UUID, reason: DeletedScene.Reason, actor_id: int | None = None
) -> bool:
    """Delete a scene, what only it uses, and its files; return False if it does not exist.

    The audit log records it, unless the scene expired: nobody did that. The sweeper removes the
    files that cannot be removed now.
    """
    if not _delete_rows(scene_id, reason=reason, actor_id=actor_id):
        return False
    logger.info("scene %s deleted: %s", scene_id, reason.value)
    return True


def expire_scenes(*, retention_days: int, limit: int = _BATCH) -> int:
    """Delete scenes without owner or hold that are older than the retention; return how many.

    With 0 days nothing expires.
    """
    if retention_days == 0:
        return 0
    expired = expired_scene_ids(after=timedelta(days=retention_days), limit=limit)
    return sum(delete_scene(scene_id=pk, reason=DeletedScene.Reason.EXPIRED) for pk in expired)


def discard_files(*, names: Sequence[str]) -> None:
    """Remove files after the commit, unless another row refers to them.

    Call it in the transaction that deletes their rows.
    """
    DiscardedFile.objects.bulk_create(  # an update locks existing rows until our commit
        [DiscardedFile(name=name) for name in names],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["at"],
    )
    transaction.on_commit(lambda: _remove(names), robust=True)  # the rows are deleted in any case


def remove_discarded_files(*, limit: int = _BATCH) -> int:
    """Remove files that interrupted deletions left; return how many."""
    return _remove(discarded_names(limit=limit))


@transaction.atomic
def _delete_rows(scene_id: UUID, *, reason: DeletedScene.Reason, actor_id: int | None) -> bool:
    """Delete a scene's rows and then its files; return False if there is nothing to delete."""
    photo_sha256 = Scene.objects.filter(pk=scene_id).values_list("photo_sha256", flat=True).first()
    if photo_sha256 is None:
        return False
    lock_exclusively(photo_sha256)  # uploads of the same photo are committed, or start after us
    scene = Scene.objects.select_for_update().filter(pk=scene_id).first()
    if scene is None:
        return False
    if reason == DeletedScene.Reason.EXPIRED and (scene.owner_id is not None or is_held(scene_id)):
        return False  # claimed or held meanwhile
    discard_files(names=(str(scene.photo.name), str(scene.model_input.name)))
    DeletedScene.objects.create(id=scene_id, reason=reason)
    forget_answers(subject=f"scene {scene_id}")
    scene.delete()
    if reason != DeletedScene.Reason.EXPIRED:
        record(
            action="scene.deleted",
            subject=f"scene {scene_id}",
            actor_id=actor_id,
            reason=reason.value,
        )
    if not photo_has_scene(photo_sha256):
        MatchRun.objects.filter(photo_sha256=photo_sha256).delete()
        SceneProfile.objects.filter(photo_sha256=photo_sha256).delete()
    return True


def _remove(names: Iterable[str]) -> int:
    removed = 0
    for name in names:
        try:
            _remove_file(name)
        except OSError as error:
            logger.warning("%s could not be removed, the sweeper tries again: %s", name, error)
        else:
            removed += 1
    return removed


@transaction.atomic
def _remove_file(name: str) -> None:
    """Remove a file unless a row refers to it; delete its `DiscardedFile` row."""
    lock_exclusively(name)
    DiscardedFile.objects.filter(pk=name).delete()
    if not is_named(name):
        default_storage.delete(name)
