"""Queries on the profiles that recordings lack."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from retrieval.engine.spaces.space import ClassSpace
from retrieval.models import Clip, ClipProfile, LibraryProfiling, ProfileFailure
from retrieval.selectors.library import served_clips


def profiling_is_open() -> bool:
    """Return whether a profiling job is unfinished."""
    return LibraryProfiling.objects.filter(finished_at__isnull=True).exists()


def unprofiled_clips(space: ClassSpace) -> QuerySet[Clip]:
    """Return the served recordings without a profile by a space's current model.

    Recordings whose profiling by that model failed are left out.
    """
    return clips_without_profile(space.name, space.audio_model)


def clips_without_profile(space_name: str, model_version: str) -> QuerySet[Clip]:
    """Do the same as `unprofiled_clips` for a given model version."""
    of_the_model = {"clip": OuterRef("pk"), "space": space_name, "model_version": model_version}
    without_profile = served_clips().filter(
        ~Exists(ClipProfile.objects.filter(**of_the_model)),
        ~Exists(ProfileFailure.objects.filter(**of_the_model)),
    )
    return without_profile.order_by("id")
