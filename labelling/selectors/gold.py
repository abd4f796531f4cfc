"""Queries on gold pairs."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from labelling.models import GoldPair
from retrieval.models import Clip
from retrieval.selectors.scenes import judgeable_scenes


def gold_pairs() -> QuerySet[GoldPair]:
    """Return all gold pairs, the newest first, with photo, recording and maker."""
    return GoldPair.objects.select_related("scene", "clip", "made_by").order_by("-pk")


def usable_gold_pairs(photo_set_id: int) -> list[GoldPair]:
    """Return the gold pairs of a set's photos that reviewers may see now, by key."""
    usable = GoldPair.objects.filter(
        scene__in=judgeable_scenes().filter(set_photos__photo_set=photo_set_id),
        clip__removed_in=None,
    )
    return list(usable.order_by("pk"))


def is_showable(scene_id: UUID, clip_id: int) -> bool:
    """Return whether reviewers may see a photo with a recording."""
    clips = Clip.objects.filter(pk=clip_id, removed_in=None)
    return clips.exists() and judgeable_scenes().filter(pk=scene_id).exists()
