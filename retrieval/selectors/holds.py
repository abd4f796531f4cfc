"""Queries on what keeps photos from expiring."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db.models import Exists, OuterRef

from retrieval.models import Scene, SceneHold


def holds_of_scene() -> Exists:
    """Return the condition that a scene is held, for querysets of scenes.

    Only photos that may be judged are: who takes the permission back ends the hold with it.
    """
    return Exists(SceneHold.objects.filter(scene=OuterRef("pk"), scene__judging_allowed=True))


def held_among(scene_ids: Collection[UUID]) -> set[UUID]:
    """Return those of the scenes that something keeps from expiring."""
    held = Scene.objects.filter(holds_of_scene(), pk__in=scene_ids)
    return set(held.values_list("pk", flat=True))


def is_held(scene_id: UUID) -> bool:
    """Return whether something keeps a scene from expiring."""
    return bool(held_among([scene_id]))
