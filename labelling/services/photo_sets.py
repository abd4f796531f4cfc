"""Make, fill and delete sets of photos.

Imported photos belong to their set: they do not expire, and are deleted with it. Photos of visitors
stay their senders'; a set only names them.
"""

from __future__ import annotations

import time
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef

from accounts.services.audit import record
from labelling.models import Campaign, PhotoImport, PhotoSet, SetPhoto
from labelling.services.errors import PhotoSetInUseError, constraints_of
from retrieval.models import DeletedScene
from retrieval.selectors.scenes import judgeable_scenes
from retrieval.services.deletion import delete_scene, discard_files
from retrieval.services.holds import lock_against_deletion, release_holds

_BATCH: Final = 200  # photos to delete: a second or two of work
_ROWS: Final = 1_000


def holder_of(*, photo_set_id: int) -> str:
    """Return the name under which a set keeps its imported photos from expiring."""
    return f"photo set {photo_set_id}"


@transaction.atomic
def make_photo_set(
    *,
    name: str,
    purpose: str = "",
    source: PhotoSet.Source = PhotoSet.Source.IMPORTED,
    made_by: int | None,
) -> PhotoSet:
    """Make a set; one of visitors' photos gets those that may be judged now.

    Raises
    ------
    ValidationError
        If the name is missing, too long or taken.
    """
    photo_set = PhotoSet(name=name.strip(), purpose=purpose, source=source, made_by_id=made_by)
    photo_set.full_clean()
    with constraints_of(model=PhotoSet):
        photo_set.save(force_insert=True)
    record(
        action="photo_set.made",
        subject=_subject(photo_set.pk),
        actor_id=made_by,
        name=photo_set.name,
        source=str(source),
    )
    if source == PhotoSet.Source.VISITORS:
        refresh_visitors_set(photo_set_id=photo_set.pk, actor_id=made_by)
    return photo_set


@transaction.atomic
def refresh_visitors_set(*, photo_set_id: int, actor_id: int | None) -> int:
    """Add visitors' photos that may be judged now, each once; return how many.

    Photos that may not be judged any more leave the set.

    Raises
    ------
    PhotoSet.DoesNotExist
        If there is no such set of visitors' photos.
    """
    visitors = PhotoSet.objects.filter(source=PhotoSet.Source.VISITORS)
    visitors.select_for_update(no_key=True).get(pk=photo_set_id)
    members = SetPhoto.objects.filter(photo_set_id=photo_set_id)
    # Not "not in": that is checked row by row if the photos are many.
    members.filter(~Exists(judgeable_scenes().filter(pk=OuterRef("scene")))).delete()
    imported = SetPhoto.objects.filter(
        scene=OuterRef("pk"), photo_set__source=PhotoSet.Source.IMPORTED
    )
    known = members.filter(photo_sha256=OuterRef("photo_sha256"))
    found = judgeable_scenes().filter(~Exists(imported), ~Exists(known)).order_by("-created_at")
    oldest = {sha256: pk for pk, sha256 in found.values_list("pk", "photo_sha256")}
    of_scene = {pk: sha256 for sha256, pk in oldest.items()}
    added = 0
    scene_ids = list(of_scene)
    for start in range(0, len(scene_ids), _ROWS):
        kept = lock_against_deletion(scene_ids=scene_ids[start : start + _ROWS])
        SetPhoto.objects.bulk_create(
            SetPhoto(photo_set_id=photo_set_id, scene_id=pk, photo_sha256=of_scene[pk])
            for pk in kept
        )
        added += len(kept)
    if added:
        record_added(photo_set_id=photo_set_id, actor_id=actor_id, added=added)
    return added


def record_added(*, photo_set_id: int, actor_id: int | None, **counts: int) -> None:
    """Record that photos were added to a set."""
    record(
        action="photo_set.photos_added",
        subject=_subject(photo_set_id),
        actor_id=actor_id,
        **counts,
    )


@transaction.atomic
def remove_photo(*, photo_set_id: int, photo_id: int, actor_id: int | None) -> None:
    """Remove a photo from its set; an imported one is deleted, and its pairs are withdrawn.

    Raises
    ------
    SetPhoto.DoesNotExist
        If the set has no such photo.
    """
    PhotoSet.objects.select_for_update(no_key=True).filter(pk=photo_set_id).first()
    photo = SetPhoto.objects.select_related("scene", "photo_set").get(
        pk=photo_id, photo_set_id=photo_set_id
    )
    record(
        action="photo_set.photo_removed",
        subject=_subject(photo_set_id),
        actor_id=actor_id,
        scene=str(photo.scene_id),
        name=photo.name,
    )
    if photo.photo_set.source == PhotoSet.Source.IMPORTED and photo.scene.owner_id is None:
        # Its row goes with it: another deletion of the photo locks the content before that row.
        delete_scene(
            scene_id=photo.scene_id, reason=DeletedScene.Reason.PHOTO_SET, actor_id=actor_id
        )
    else:
        photo.delete()


def delete_photo_set(
    *, photo_set_id: int, actor_id: int | None, longest_s: float = float("inf")
) -> bool:
    """Delete a set with its imported photos; return whether all of it is deleted.

    Photos are deleted in transactions of their own: a thousand take a quarter of a minute and
    more. What an interruption leaves stays in the set, which can be deleted again. A campaign that
    is made meanwhile ends the deletion.

    Parameters
    ----------
    photo_set_id
        The set.
    actor_id
        Who deletes it.
    longest_s
        After so many seconds no further photo is begun.

    Raises
    ------
    PhotoSet.DoesNotExist
        If there is no such set.
    PhotoSetInUseError
        If a campaign uses it.
    """
    deadline = time.monotonic() + longest_s
    _discard_imports(photo_set_id)
    while not _delete_empty(photo_set_id, actor_id=actor_id):
        for scene_id in _imported_scenes(photo_set_id):
            _delete_photo(photo_set_id, scene_id, actor_id=actor_id)
            if time.monotonic() >= deadline:
                return _delete_empty(photo_set_id, actor_id=actor_id)
    return True


@transaction.atomic
def _delete_photo(photo_set_id: int, scene_id: UUID, *, actor_id: int | None) -> None:
    """Delete a photo of a set that no campaign uses."""
    _lock_unused(photo_set_id)
    delete_scene(scene_id=scene_id, reason=DeletedScene.Reason.PHOTO_SET, actor_id=actor_id)


@transaction.atomic
def _discard_imports(photo_set_id: int) -> None:
    """End the imports of a set that no campaign uses."""
    _lock_unused(photo_set_id)
    imports = PhotoImport.objects.filter(photo_set_id=photo_set_id)
    names = imports.exclude(archive="").values_list("archive", flat=True)
    discard_files(names=list(dict.fromkeys(names)))
    imports.delete()


@transaction.atomic
def _delete_empty(photo_set_id: int, *, actor_id: int | None) -> bool:
    """Delete a set unless imported photos are left; return whether it is deleted."""
    photo_set = _lock_unused(photo_set_id)
    if _imported_scenes(photo_set_id):
        return False
    _discard_imports(photo_set_id)
    release_holds(holder=holder_of(photo_set_id=photo_set_id))
    photo_set.delete()
    record(
        action="photo_set.deleted",
        subject=_subject(photo_set_id),
        actor_id=actor_id,
        name=photo_set.name,
    )
    return True


def _lock_unused(photo_set_id: int) -> PhotoSet:
    """Lock a set against new campaigns."""
    photo_set = PhotoSet.objects.select_for_update().get(pk=photo_set_id)
    if Campaign.objects.filter(photo_set_id=photo_set_id).exists():
        raise PhotoSetInUseError(f"a campaign uses photo set {photo_set_id}")
    return photo_set


def _imported_scenes(photo_set_id: int) -> list[UUID]:
    imported = SetPhoto.objects.filter(
        photo_set_id=photo_set_id,
        photo_set__source=PhotoSet.Source.IMPORTED,
        scene__owner__isnull=True,
    )
    return list(imported.values_list("scene_id", flat=True)[:_BATCH])


def _subject(photo_set_id: int) -> str:
    return f"photo set {photo_set_id}"
