"""The photos and recordings of which a lead chooses a gold pair or an example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from labelling.models import PhotoSet
from retrieval.models import Clip, Match, Scene
from retrieval.selectors.results import unfiltered_runs_of_scenes
from retrieval.selectors.scenes import judgeable_scenes

_MOST_RANKS: Final = 5


@dataclass(frozen=True, slots=True)
class FoundRecording:
    """A recording that was found for a photo, with the matches that say where."""

    clip: Clip
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class Candidates:
    """A photo and the recordings to choose from."""

    scene: Scene
    found: tuple[FoundRecording, ...]


def candidates_of(scene_id: UUID) -> Candidates | None:
    """Return the best recordings that each matcher found for a photo that may be judged."""
    scene = judgeable_scenes().select_related("run").filter(pk=scene_id).first()
    if scene is None:
        return None
    matches = Match.objects.filter(
        run__in=list(unfiltered_runs_of_scenes([scene])[scene.pk].values()),
        rank__lte=_MOST_RANKS,
        clip__removed_in=None,
    )
    of_clips: dict[Clip, list[Match]] = {}
    for match in matches.select_related("clip", "run").order_by("rank", "run__matcher"):
        of_clips.setdefault(match.clip, []).append(match)
    return Candidates(
        scene, tuple(FoundRecording(clip, tuple(of)) for clip, of in of_clips.items())
    )


def sets_with_photos() -> QuerySet[PhotoSet]:
    """Return the sets whose photos can be chosen."""
    return PhotoSet.objects.filter(photos__isnull=False).distinct()


def photos_to_choose(photo_set_id: int) -> QuerySet[Scene]:
    """Return the photos of a set that may be judged, in the set's order."""
    return judgeable_scenes().filter(set_photos__photo_set=photo_set_id).order_by("set_photos__pk")
