"""Queries on what is to be deleted and on what was deleted."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models.functions import Now

from accounts.models import User
from retrieval.models import DeletedScene, DiscardedFile, Scene
from retrieval.selectors.holds import holds_of_scene


def deletion_of(scene_id: UUID) -> DeletedScene | None:
    """Return the record of a scene's deletion."""
    return DeletedScene.objects.filter(pk=scene_id).first()


def deletions_since(instant: datetime) -> list[DeletedScene]:
    """Return the deletions since an instant."""
    return list(DeletedScene.objects.filter(at__gte=instant).order_by("at"))


def expired_scene_ids(*, after: timedelta, limit: int) -> list[UUID]:
    """Return scenes without owner or hold that are older than `after`, oldest first."""
    expired = Scene.objects.filter(
        ~holds_of_scene(),
        owner__isnull=True,
        created_at__lt=Now() - after,
    )
    return list(expired.order_by("created_at").values_list("pk", flat=True)[:limit])


def owned_scene_count(owner_id: int) -> int:
    """Return the number of an account's scenes."""
    return Scene.objects.filter(owner_id=owner_id).count()


def owned_scene_ids(owner_id: int, *, limit: int) -> list[UUID]:
    """Return scenes of an account, in any order."""
    return list(Scene.objects.filter(owner_id=owner_id).values_list("pk", flat=True)[:limit])


def closed_account_ids() -> list[int]:
    """Return the accounts that are to be erased, oldest request first."""
    closed = User.objects.filter(erasure_requested_at__isnull=False)
    return list(closed.order_by("erasure_requested_at").values_list("pk", flat=True))


def discarded_names(*, limit: int) -> list[str]:
    """Return files of deleted scenes that have not been removed yet."""
    return list(DiscardedFile.objects.order_by("at").values_list("pk", flat=True)[:limit])


def photo_has_scene(photo_sha256: str) -> bool:
    """Return whether any scene shows a photo."""
    return Scene.objects.filter(photo_sha256=photo_sha256).exists()
