"""Erase an account with everything that belongs to it.

The first transaction closes the account: nobody can sign in to it or see its photos any more. The
rest is deleted in batches, the account itself last; the sweeper continues what was interrupted.
"""

from __future__ import annotations

import logging
from typing import Final

from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import CharField, F, Value
from django.db.models.functions import Cast, Concat

from accounts.models import User
from accounts.services.erasure import close_account, delete_user
from retrieval.models import DeletedScene, Scene, SceneReport, UploadTally, Visibility
from retrieval.quotas.senders import user_key
from retrieval.selectors.deletion import closed_account_ids, owned_scene_ids
from retrieval.selectors.exports import has_exports
from retrieval.services.deletion import delete_scene
from retrieval.services.exporting import delete_exports

logger = logging.getLogger(__name__)

_BATCH: Final = 200  # photos; a second or two of work


@transaction.atomic
def request_erasure(*, user_id: int, actor_id: int | None) -> None:
    """Close an account and hide its photos at once.

    Raises
    ------
    LastOperatorError
        If it is the only operator's.
    """
    close_account(user_id=user_id, actor_id=actor_id)
    owned = Scene.objects.filter(owner_id=user_id)
    owned.update(visibility=Visibility.PRIVATE, judging_allowed=False)


def continue_erasure(*, user_id: int) -> None:
    """Delete a batch of a closed account's photos, and the account if it has no more.

    Does not fail with the database: the account is closed, and the sweeper deletes the rest.
    """
    try:
        _delete_batch(user_id)
        _delete_empty_account(user_id)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("account %s is erased later, by the sweeper: %s", user_id, error)


def continue_erasures() -> int:
    """Delete a batch of each closed account; return the number of accounts."""
    closed = closed_account_ids()
    for user_id in closed:
        continue_erasure(user_id=user_id)
    return len(closed)


def delete_account(*, user_id: int) -> int:
    """Erase an account completely; return the number of photos that this call deleted.

    Raises
    ------
    LastOperatorError
        If it is the only operator's.
    """
    request_erasure(user_id=user_id, actor_id=None)
    deleted = 0
    while not _delete_empty_account(user_id):
        deleted += _delete_batch(user_id)
    return deleted


def _delete_batch(user_id: int) -> int:
    delete_exports(user_id=user_id)
    owned = owned_scene_ids(user_id, limit=_BATCH)
    return sum(delete_scene(scene_id=pk, reason=DeletedScene.Reason.ACCOUNT) for pk in owned)


@transaction.atomic
def _delete_empty_account(user_id: int) -> bool:
    """Delete an account unless it has photos or exports; return whether it is deleted."""
    account = User.objects.select_for_update().filter(pk=user_id).first()  # blocks new scenes
    if account is None:
        return True
    if owned_scene_ids(user_id, limit=1) or has_exports(user_id):
        return False
    key = user_key(user_id)
    UploadTally.objects.filter(visitor=key).delete()
    SceneReport.objects.filter(reporter_key=key).update(  # a scene has one open report per key
        reporter_key=Concat(Value("erased:"), Cast(F("pk"), CharField()))
    )
    delete_user(user_id=user_id)
    logger.info("account %s erased", user_id)
    return True
