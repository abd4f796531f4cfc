"""Queries on the recordings of the library and their profiles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from django.db.models import Count, Max, Q, QuerySet

from retrieval.engine.spaces.distributions import Distribution
from retrieval.models import Clip, ClipProfile, Library

_CHUNK_CLIPS = 500


@dataclass(frozen=True, slots=True)
class ProfiledClip:
    """A clip with its distribution in each requested space."""

    clip_id: int
    profiles: Mapping[str, Distribution]


def library_state() -> Library:
    """Return the library's identity and newest snapshot."""
    return Library.objects.get()


def clips_by_id(clip_ids: Iterable[int]) -> dict[int, Clip]:
    """Return clips by id, without their peaks, which only players need."""
    return Clip.objects.defer("peaks").in_bulk(list(clip_ids))


def clips_that_play(clip_ids: Iterable[int]) -> dict[int, Clip]:
    """Return by id the clips among these that have not been withdrawn."""
    return Clip.objects.filter(removed_in=None).in_bulk(list(clip_ids))


def existing_sha256(sha256s: Iterable[str]) -> dict[str, int]:
    """Return the ids of the clips whose content is among these, by hash."""
    rows = Clip.objects.filter(sha256__in=list(sha256s)).values_list("sha256", "id")
    return dict(rows)


def removed_clip_ids(*, up_to: int) -> list[int]:
    """Return the clips that were removed at or before a snapshot."""
    return list(Clip.objects.filter(removed_in__lte=up_to).values_list("id", flat=True))


def profiled_clips(
    *, model_versions: Mapping[str, str], after: int, up_to: int
) -> Iterator[ProfiledClip]:
    """Yield the clips that became searchable after one snapshot and up to another.

    `model_versions` maps each space to its audio model. A clip is searchable from the snapshot of
    the last of its profiles in these spaces; clips are ordered by that snapshot, then by id.
    Memory use does not grow with the library, and the database reads the profiles of such clips
    only.
    """
    wanted = _of_models(model_versions)
    rows = ClipProfile.objects.filter(wanted, added_in__lte=up_to)
    if after:  # else all, and the condition would only cost time
        newer = _of_models(model_versions, added_in__gt=after, added_in__lte=up_to)
        rows = rows.filter(clip_id__in=ClipProfile.objects.filter(newer).values("clip_id"))
    clip_ids = (
        rows.values("clip_id")
        .annotate(complete_in=Max("added_in"), spaces=Count("space"))
        .filter(spaces=len(model_versions), complete_in__gt=after)
        .order_by("complete_in", "clip_id")
        .values_list("clip_id", flat=True)
    )
    stream = iter(clip_ids.iterator(chunk_size=_CHUNK_CLIPS))
    while chunk := list(islice(stream, _CHUNK_CLIPS)):
        for clip_id, profiles in _profiles(chunk, wanted).items():  # in the order of the chunk
            yield ProfiledClip(clip_id, profiles)


def profiles_of(
    clip_ids: Iterable[int], *, model_versions: Mapping[str, str]
) -> dict[int, dict[str, Distribution]]:
    """Return the existing distributions of these models by clip and space."""
    return _profiles(list(clip_ids), _of_models(model_versions))


def _profiles(clip_ids: list[int], wanted: Q) -> dict[int, dict[str, Distribution]]:
    rows = ClipProfile.objects.filter(wanted, clip_id__in=clip_ids).values(
        "clip_id", "space_id", "distribution"
    )
    by_clip: dict[int, dict[str, Distribution]] = {clip_id: {} for clip_id in clip_ids}
    for row in rows:
        by_clip[row["clip_id"]][row["space_id"]] = Distribution(row["distribution"])
    return by_clip


def _of_models(model_versions: Mapping[str, str], **bounds: int) -> Q:
    """Return the condition of profiles of these models; the bounds, in each part, are indexed."""
    wanted = Q()
    for space, version in model_versions.items():
        wanted |= Q(space_id=space, model_version=version, **bounds)
    return wanted


def served_clips() -> QuerySet[Clip]:
    """Return the recordings that are in the library now."""
    return Clip.objects.filter(removed_in__isnull=True)


def served_clip(clip_id: int) -> Clip | None:
    """Return a recording that is in the library now."""
    return served_clips().filter(pk=clip_id).first()


def searchable_recordings() -> list[tuple[int, str, str, float]]:
    """Return id, path, source (or path) and duration in seconds of every served recording."""
    rows = served_clips().order_by("id").values_list("id", "path", "source_url", "duration_s")
    return [
        (clip_id, path, source or path, duration_s) for clip_id, path, source, duration_s in rows
    ]


def clips_without_clean_copy() -> Iterator[Clip]:
    """Yield the served recordings that have no preview file."""
    served = served_clips().filter(preview="").defer("peaks").order_by("pk")
    return served.iterator(chunk_size=_CHUNK_CLIPS)


def clip_count() -> int:
    """Return the number of served recordings."""
    return served_clips().count()


def library_has_clips() -> bool:
    """Return whether any recording is served, without counting."""
    return served_clips().exists()
