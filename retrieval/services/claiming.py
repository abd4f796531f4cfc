"""Give a visitor's uploads to the account that the visitor logs in to."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from accounts.services.audit import record
from accounts.services.erasure import lock_account
from retrieval.models import Scene


@transaction.atomic
def claim_scenes(*, user_id: int, scene_ids: Sequence[str]) -> int:
    """Give those of the scenes that have no owner to a user; return how many.

    Raises
    ------
    AccountClosedError
        If the account is closed; the scenes stay as they are.
    """
    lock_account(user_id=user_id)
    claimed = Scene.objects.filter(pk__in=scene_ids, owner=None).update(owner_id=user_id)
    if claimed:
        record(action="scenes.claimed", subject=f"user {user_id}", actor_id=user_id, scenes=claimed)
    return claimed
