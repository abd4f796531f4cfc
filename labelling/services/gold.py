"""Make and remove gold pairs: those whose right grade a lead has decided."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from accounts.services.audit import record
from labelling.models import GoldPair
from labelling.selectors.gold import is_showable
from labelling.services.errors import PairWithdrawnError, constraints_of
from retrieval.services.holds import lock_against_deletion


@transaction.atomic
def make_gold(*, scene_id: UUID, clip_id: int, grade: str, reason: str, lead_id: int) -> GoldPair:
    """Make a pair gold; campaigns that are drawn later take it.

    Raises
    ------
    PairWithdrawnError
        If reviewers may not see the photo, or the recording was withdrawn.
    ValidationError
        If the grade is unknown, the reason is empty or too long, or the pair is gold already.
    """
    lock_against_deletion(scene_ids=[scene_id])
    if not is_showable(scene_id, clip_id):
        raise PairWithdrawnError(f"scene {scene_id} with clip {clip_id} cannot be shown")
    gold = GoldPair(
        scene_id=scene_id, clip_id=clip_id, grade=grade, reason=reason, made_by_id=lead_id
    )
    gold.full_clean()
    with constraints_of(model=GoldPair):
        gold.save()
    record(action="gold.made", subject=f"goldpair {gold.pk}", actor_id=lead_id, grade=grade)
    return gold


@transaction.atomic
def remove_gold(*, gold_id: int, lead_id: int) -> None:
    """Remove a gold pair; campaigns that are drawn already keep it with its grade."""
    gold = GoldPair.objects.select_for_update().get(pk=gold_id)
    record(action="gold.removed", subject=f"goldpair {gold_id}", actor_id=lead_id, grade=gold.grade)
    gold.delete()
