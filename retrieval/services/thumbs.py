"""Store whether a recording fits, as visitors say."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Now

from accounts.services.erasure import lock_account
from retrieval.models import Scene, Thumb
from retrieval.selectors.thumbs import ThumbGiver


@transaction.atomic
def give_thumb(
    *, scene_id: UUID, match_id: int, giver: ThumbGiver, fits: bool, reason: str = ""
) -> Thumb:
    """Store or change a visitor's thumb on a match of the scene.

    Raises
    ------
    AccountClosedError
        If the account is closed.
    Scene.DoesNotExist
        If the scene was deleted meanwhile.
    """
    _lock(scene_id, giver)
    values = {"scene_id": scene_id, "fits": fits, "reason": reason, "at": Now()}
    thumb, _ = Thumb.objects.update_or_create(
        match_id=match_id,
        account_id=giver.account_id,
        browser_key=giver.browser_key,
        defaults=values,
    )
    return thumb


@transaction.atomic
def take_back_thumb(*, scene_id: UUID, match_id: int, giver: ThumbGiver) -> None:
    """Delete a visitor's thumb on a match, if there is one; raises as `give_thumb` does."""
    _lock(scene_id, giver)
    Thumb.objects.filter(
        match=match_id, account=giver.account_id, browser_key=giver.browser_key
    ).delete()


@transaction.atomic
def claim_thumbs(*, user_id: int, browser_key: str) -> int:
    """Give a browser's thumbs to an account; return how many.

    Of two thumbs on one match the later one remains.

    Raises
    ------
    AccountClosedError
        If the account is closed; the thumbs stay as they are.
    """
    lock_account(user_id=user_id)
    claimed = Thumb.objects.filter(browser_key=browser_key)
    own = Thumb.objects.filter(account=user_id)
    for earlier, later in ((claimed, own), (own, claimed)):
        last = Subquery(later.filter(match=OuterRef("match")).values("at")[:1])
        earlier.annotate(last=last).filter(last__gte=F("at")).delete()
    return claimed.update(account_id=user_id, browser_key="")


def _lock(scene_id: UUID, giver: ThumbGiver) -> None:
    """Keep account and scene until the transaction ends: thumbs would hinder their deletion."""
    if giver.account_id is not None:
        lock_account(user_id=giver.account_id)
    Scene.objects.select_for_update(no_key=True).only("pk").get(pk=scene_id)
