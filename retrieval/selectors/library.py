"""Reads of the library: which clips can be searched, and what they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from django.db.models import Count, Max, Q

from retrieval.engine.spaces.distributions import Distribution
from retrieval.models import Clip, ClipProfile, Library

_CHUNK_CLIPS = 500


@dataclass(frozen=True, slots=True)
class LibraryState:
    """Which library this is and how far it has come."""

    uuid: UUID
    snapshot: int


@dataclass(frozen=True, slots=True)
class ProfiledClip:
    """A clip with its distribution in every space that was asked for."""

    clip_id: int
    profiles: Mapping[str, Distribution]


def library_state() -> LibraryState:
    """Return the library's identity and newest snapshot."""
    library = Library.objects.get()
    return LibraryState(uuid=library.uuid, snapshot=library.snapshot)


def clips_by_id(clip_ids: Iterable[int]) -> dict[int, Clip]:
    """Return clips by id, without their peaks, which only a player needs."""
    return Clip.objects.defer("peaks").in_bulk(list(clip_ids))


def existing_sha256(sha256s: Iterable[str]) -> dict[str, int]:
    """Return the ids of the clips whose content is among these, by hash."""
    rows = Clip.objects.filter(sha256__in=list(sha256s)).values_list("sha256", "id")
    return dict(rows)


def removed_clip_ids(*, up_to: int) -> list[int]:
    """Return the clips that had left the library at a snapshot."""
    return list(Clip.objects.filter(removed_in__lte=up_to).values_list("id", flat=True))


def profiled_clips(
    *, model_versions: Mapping[str, str], after: int, up_to: int
) -> Iterator[ProfiledClip]:
    """Yield the clips that became searchable after one snapshot and up to another.

    `model_versions` names the audio model of each space. A clip is searchable from the snapshot
    in which its last needed profile came. Order: by that snapshot, then by id. Memory does not
    grow with the library.
    """
    wanted = _of_models(model_versions)
    newcomers = (
        ClipProfile.objects.filter(wanted, added_in__lte=up_to)
        .values("clip_id")
        .annotate(complete_in=Max("added_in"), spaces=Count("space"))
        .filter(spaces=len(model_versions), complete_in__gt=after)
        .order_by("complete_in", "clip_id")
        .values_list("clip_id", flat=True)
    )
    stream = iter(newcomers.iterator(chunk_size=_CHUNK_CLIPS))
    while chunk := list(islice(stream, _CHUNK_CLIPS)):
        yield from _with_profiles(chunk, wanted)


def _with_profiles(clip_ids: list[int], wanted: Q) -> Iterator[ProfiledClip]:
    by_clip = _profiles(clip_ids, wanted)
    for clip_id in clip_ids:
        yield ProfiledClip(clip_id=clip_id, profiles=by_clip[clip_id])


def profiles_of(
    clip_ids: Iterable[int], *, model_versions: Mapping[str, str]
) -> dict[int, dict[str, Distribution]]:
    """Return clips' distributions by clip and space, as far as there are any of these models."""
    return _profiles(list(clip_ids), _of_models(model_versions))


def _profiles(clip_ids: list[int], wanted: Q) -> dict[int, dict[str, Distribution]]:
    rows = ClipProfile.objects.filter(wanted, clip_id__in=clip_ids).values(
        "clip_id", "space_id", "distribution"
    )
    by_clip: dict[int, dict[str, Distribution]] = {clip_id: {} for clip_id in clip_ids}
    for row in rows:
        by_clip[row["clip_id"]][row["space_id"]] = Distribution(row["distribution"])
    return by_clip


def _of_models(model_versions: Mapping[str, str]) -> Q:
    wanted = Q()
    for space, version in model_versions.items():
        wanted |= Q(space_id=space, model_version=version)
    return wanted


def searchable_recordings() -> list[tuple[int, str, str]]:
    """Return id, path and source of every recording that can be heard; one without is its own."""
    rows = Clip.objects.filter(added_in__isnull=False, removed_in__isnull=True).order_by("id")
    return [
        (clip_id, path, source or path)
        for clip_id, path, source in rows.values_list("id", "path", "source_url")
    ]


def clips_served_as_they_came() -> Iterator[Clip]:
    """Yield the recordings that can be heard and have no file made for that."""
    served = Clip.objects.filter(added_in__isnull=False, removed_in__isnull=True, preview="")
    return served.defer("peaks").order_by("pk").iterator(chunk_size=_CHUNK_CLIPS)


def clip_count() -> int:
    """Return how many recordings can be heard."""
    return Clip.objects.filter(added_in__isnull=False, removed_in__isnull=True).count()


def library_has_clips() -> bool:
    """Say whether any recording can be heard, without counting them."""
    return Clip.objects.filter(added_in__isnull=False, removed_in__isnull=True).exists()
