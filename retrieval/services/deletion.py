"""Photos go: because their visitor wants it, their time is over, or their account goes.

With the last scene of a photo goes all that was found for it. Its files go after the commit, each
unless another row names it: a deletion that is rolled back has removed nothing, and one that is
interrupted is ended by the sweeper.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import transaction

from accounts.models import User
from retrieval.models import DeletedScene, DiscardedFile, MatchRun, Scene, SceneProfile
from retrieval.selectors.deletion import (
    discarded_names,
    expired_scene_ids,
    owned_scene_ids,
    photo_has_scene,
)
from retrieval.selectors.media_files import is_named
from retrieval.storage.content_locks import lock_alone

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 200  # what a round of the sweeper does: a second or two


def delete_scene(scene_id: UUID, *, reason: DeletedScene.Reason) -> bool:
    """Delete a scene, what only it shows, and its files; False if it was gone already.

    A file that cannot be removed just now is removed by the sweeper.
    """
    names = _delete_rows(scene_id, reason=reason)
    if names is None:
        return False
    transaction.on_commit(lambda: _remove(names), robust=True)  # the photo is gone all the same
    logger.info("scene %s deleted: %s", scene_id, reason.value)
    return True


def expire_scenes(*, retention_days: int, limit: int = _AT_ONCE) -> int:
    """Delete photos that nobody signed in for and that are older; return how many.

    With 0 days nothing expires.
    """
    if retention_days == 0:
        return 0
    expired = expired_scene_ids(after=timedelta(days=retention_days), limit=limit)
    return sum(delete_scene(pk, reason=DeletedScene.Reason.EXPIRED) for pk in expired)


def delete_account(user_id: int) -> int:
    """Delete an account with every photo it sent; return how many photos this call deleted.

    Nobody can sign in as it from the first moment on, so that the photos come to an end. Each goes
    as if it were deleted by itself, the account last: what is interrupted is called again.
    """
    User.objects.filter(pk=user_id).update(is_active=False)
    deleted = 0
    while not _delete_user_without_scenes(user_id):
        owned = owned_scene_ids(user_id, limit=_AT_ONCE)
        deleted += sum(delete_scene(pk, reason=DeletedScene.Reason.ACCOUNT) for pk in owned)
    logger.info("account %s deleted with %d scenes", user_id, deleted)
    return deleted


def remove_discarded_files(*, limit: int = _AT_ONCE) -> int:
    """Remove files that an interrupted deletion left; return how many are settled."""
    return _remove(discarded_names(limit=limit))


@transaction.atomic
def _delete_rows(scene_id: UUID, *, reason: DeletedScene.Reason) -> tuple[str, ...] | None:
    """Delete rows and note the files; None if the scene is gone."""
    photo_sha256 = Scene.objects.filter(pk=scene_id).values_list("photo_sha256", flat=True).first()
    if photo_sha256 is None:
        return None
    lock_alone(photo_sha256)  # whoever brings the same photo has committed, or comes after us
    scene = Scene.objects.select_for_update().filter(pk=scene_id).first()
    if scene is None:
        return None
    names = (str(scene.photo.name), str(scene.model_input.name))
    DiscardedFile.objects.bulk_create(  # locks a note that is there: its file waits for our commit
        [DiscardedFile(name=name) for name in names],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["at"],
    )
    DeletedScene.objects.create(id=scene_id, reason=reason)
    scene.delete()
    if not photo_has_scene(photo_sha256):
        MatchRun.objects.filter(photo_sha256=photo_sha256).delete()
        SceneProfile.objects.filter(photo_sha256=photo_sha256).delete()
    return names


@transaction.atomic
def _delete_user_without_scenes(user_id: int) -> bool:
    """Delete a user's row unless a scene is theirs; say whether it is gone."""
    user = User.objects.select_for_update().filter(pk=user_id).first()  # no scene can join now
    if user is None:
        return True
    if owned_scene_ids(user_id, limit=1):
        return False
    user.delete()
    return True


def _remove(names: Iterable[str]) -> int:
    settled = 0
    for name in names:
        try:
            _remove_file(name)
        except OSError as error:
            logger.warning("%s could not be removed, it is tried again: %s", name, error)
        else:
            settled += 1
    return settled


@transaction.atomic
def _remove_file(name: str) -> None:
    """Remove a file unless a row names it; its note is gone once that is committed."""
    lock_alone(name)
    DiscardedFile.objects.filter(pk=name).delete()
    if not is_named(name):
        default_storage.delete(name)
