"""Edit, withdraw and restore recordings; each act is in the audit log."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from django.db import transaction

from accounts.services.audit import record
from retrieval.catalogue.licences import LICENCES
from retrieval.models import Clip, ClipAbsence
from retrieval.selectors.clip_details import ClipDetails, details_of
from retrieval.selectors.clip_filters import CHANGEABLE_FACTS
from retrieval.services.library import advance_snapshot, lock_library

EDITABLE: Final = frozenset(
    {"title", "tags", "author", "license", "license_url", "source_url", "collection"}
)
"""What people say of a recording; everything else is measured."""


class ClipCareError(Exception):
    """A recording cannot be changed as asked; nothing was changed."""

    code = "clip_unchanged"


class VersionConflictError(ClipCareError):
    """Somebody else has changed the recording meanwhile."""

    code = "version_conflict"


class AlreadyWithdrawnError(ClipCareError):
    """The recording is withdrawn already."""

    code = "already_withdrawn"


class NotWithdrawnError(ClipCareError):
    """The recording is not withdrawn."""

    code = "not_withdrawn"


@transaction.atomic
def edit_clip(*, clip: Clip, fields: Iterable[str], actor_id: int | None) -> None:
    """Store these fields of a clip, and record what they were before.

    Another licence, tag or collection is a new snapshot: results with a filter are not reused.
    """
    lock_library()  # before the clip, as for withdrawals
    before = Clip.objects.select_for_update().get(pk=clip.pk)
    changed = {
        name: {"old": getattr(before, name), "new": getattr(clip, name)}
        for name in fields
        if getattr(before, name) != getattr(clip, name)
    }
    if changed:
        clip.save(update_fields=changed)
        if changed.keys() & CHANGEABLE_FACTS:
            advance_snapshot()
        record(action="clip.edited", subject=f"clip {clip.pk}", actor_id=actor_id, changed=changed)


@transaction.atomic
def change_clip(
    *, clip_id: int, changes: Mapping[str, Any], versions: Collection[str] | None, actor_id: int
) -> ClipDetails:
    """Change a clip if it is still as its editor saw it; return it.

    A licence without an address of its own gets the licence's.

    Parameters
    ----------
    changes
        New values of some of the `EDITABLE` fields.
    versions
        The versions (`ClipDetails.version`) that may be changed; None for any.

    Raises
    ------
    Clip.DoesNotExist
        If there is no such clip.
    VersionConflictError
        If the clip has another version.
    ValidationError
        If a value is not valid.
    """
    unknown = changes.keys() - EDITABLE
    if unknown:
        raise ValueError(f"{sorted(unknown)} cannot be edited")
    lock_library()
    clip = Clip.objects.select_for_update().get(pk=clip_id)
    if versions is not None and details_of(clip).version not in versions:
        raise VersionConflictError(f"clip {clip_id} has another version")
    values = dict(changes)
    if not values.get("license_url", "" if "license" in values else clip.license_url):
        values["license_url"] = LICENCES[values.get("license", clip.license)].url
    for name, value in values.items():
        setattr(clip, name, value)
    clip.clean_fields(exclude={field.name for field in Clip._meta.fields} - values.keys())
    edit_clip(clip=clip, fields=values, actor_id=actor_id)
    return details_of(clip)


@transaction.atomic
def withdraw_clip(*, clip_id: int, reason: str, actor_id: int) -> None:
    """Withdraw one recording as `withdraw_clips` does.

    Raises
    ------
    Clip.DoesNotExist
        If there is no such clip.
    AlreadyWithdrawnError
        If it is not in the library.
    """
    Clip.objects.only("pk").get(pk=clip_id)
    if not withdraw_clips(clip_ids=[clip_id], reason=reason, actor_id=actor_id):
        raise AlreadyWithdrawnError(f"clip {clip_id} is withdrawn")


@transaction.atomic
def restore_clip(*, clip_id: int, reason: str, actor_id: int) -> None:
    """Restore one recording as `restore_clips` does.

    Raises
    ------
    Clip.DoesNotExist
        If there is no such clip.
    NotWithdrawnError
        If it is in the library.
    """
    Clip.objects.only("pk").get(pk=clip_id)
    if not restore_clips(clip_ids=[clip_id], reason=reason, actor_id=actor_id):
        raise NotWithdrawnError(f"clip {clip_id} is not withdrawn")


@transaction.atomic
def withdraw_clips(*, clip_ids: Collection[int], reason: str, actor_id: int | None) -> int:
    """Withdraw recordings from the library; return how many were in it.

    From now on no search finds them, no address plays them, and results call them withdrawn. Rows
    and files stay, and importing a file again does not restore it.

    Raises
    ------
    ValidationError
        If the reason is too long.
    """
    Clip._meta.get_field("withdrawn_reason").clean(reason, None)
    lock_library()  # nobody else withdraws or restores
    clips = list(Clip.objects.filter(removed_in__isnull=True, pk__in=clip_ids).only("pk"))
    if not clips:
        return 0
    snapshot = advance_snapshot()
    for clip in clips:
        clip.removed_in, clip.withdrawn_reason = snapshot, reason
    _store(clips, action="clip.withdrawn", reason=reason, actor_id=actor_id)
    return len(clips)


@transaction.atomic
def restore_clips(*, clip_ids: Collection[int], reason: str, actor_id: int | None) -> int:
    """Restore withdrawn recordings to the library; return how many had been withdrawn."""
    lock_library()
    withdrawn = Clip.objects.filter(removed_in__isnull=False, pk__in=clip_ids)
    clips = list(withdrawn.only("pk", "removed_in"))
    if not clips:
        return 0
    snapshot = advance_snapshot()  # results of the library without them are not reused
    ClipAbsence.objects.bulk_create(
        ClipAbsence(clip=clip, removed_in=clip.removed_in or 0, restored_in=snapshot)
        for clip in clips
    )
    for clip in clips:
        clip.removed_in, clip.withdrawn_reason = None, ""
    _store(clips, action="clip.restored", reason=reason, actor_id=actor_id)
    return len(clips)


def _store(clips: list[Clip], *, action: str, reason: str, actor_id: int | None) -> None:
    Clip.objects.bulk_update(clips, ["removed_in", "withdrawn_reason"])
    for clip in clips:
        record(action=action, subject=f"clip {clip.pk}", actor_id=actor_id, reason=reason)
