"""Keep photos from expiring while something needs them; their owners can still delete them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from retrieval.models import SceneHold

_HOLD: Final = """
INSERT INTO retrieval_scenehold (holder, scene_id) SELECT %s, unnest(%s::uuid[])
ON CONFLICT (scene_id, holder) DO NOTHING
"""  # not as objects: each would be made with an expression for the time


@transaction.atomic
def hold_scenes(*, scene_ids: Collection[UUID], holder: str) -> int:
    """Keep scenes from expiring until the holder releases them; return how many still exist.

    Parameters
    ----------
    scene_ids
        The scenes; those that were deleted meanwhile are left out.
    holder
        Model and key, such as ``campaign 7``. Holding a scene again changes nothing.
    """
    kept = lock_against_deletion(scene_ids=scene_ids)
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [holder, [str(pk) for pk in kept]])
    return len(kept)


def release_holds(*, holder: str, scene_ids: Collection[UUID] | None = None) -> int:
    """Release a holder's scenes, or some of them; return how many."""
    held = SceneHold.objects.filter(holder=holder)
    if scene_ids is not None:
        held = held.filter(scene_id__in=scene_ids)
    released, _ = held.delete()
    return released


def lock_against_deletion(*, scene_ids: Collection[UUID]) -> list[UUID]:
    """Return those of the scenes that exist; none is deleted before the transaction ends.

    Unlike `select_for_update`, FOR KEY SHARE lets everything else about them change meanwhile.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM retrieval_scene WHERE id = ANY(%s::uuid[]) ORDER BY id FOR KEY SHARE",
            [[str(pk) for pk in scene_ids]],
        )
        return [UUID(str(pk)) for (pk,) in cursor.fetchall()]
