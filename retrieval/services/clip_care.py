"""Edit, withdraw and restore recordings; each act is in the audit log."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db import transaction

from accounts.services.audit import record
from retrieval.models import Clip
from retrieval.services.library import advance_snapshot, lock_library


@transaction.atomic
def edit_clip(*, clip: Clip, fields: Iterable[str], actor_id: int | None) -> None:
    """Store these fields of a clip, and record what they were before."""
    before = Clip.objects.select_for_update().get(pk=clip.pk)
    changed = {
        name: {"old": getattr(before, name), "new": getattr(clip, name)}
        for name in fields
        if getattr(before, name) != getattr(clip, name)
    }
    if changed:
        clip.save(update_fields=changed)
        record(action="clip.edited", subject=f"clip {clip.pk}", actor_id=actor_id, changed=changed)


@transaction.atomic
def withdraw_clips(*, clip_ids: Collection[int], reason: str, actor_id: int | None) -> int:
    """Withdraw recordings from the library; return how many were in it.

    From now on no search finds them, no address plays them, and results call them withdrawn. Rows
    and files stay, and importing a file again does not restore it.
    """
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
    clips = list(Clip.objects.filter(removed_in__isnull=False, pk__in=clip_ids).only("pk"))
    if not clips:
        return 0
    advance_snapshot()  # results of the library without them are not reused
    for clip in clips:
        clip.removed_in, clip.withdrawn_reason = None, ""
    _store(clips, action="clip.restored", reason=reason, actor_id=actor_id)
    return len(clips)


def _store(clips: list[Clip], *, action: str, reason: str, actor_id: int | None) -> None:
    Clip.objects.bulk_update(clips, ["removed_in", "withdrawn_reason"])
    for clip in clips:
        record(action=action, subject=f"clip {clip.pk}", actor_id=actor_id, reason=reason)
