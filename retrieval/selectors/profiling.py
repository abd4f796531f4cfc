"""Queries on the profiles that recordings lack."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from retrieval.engine.spaces.space import ClassSpace
from retrieval.models import Clip, ClipProfile, LibraryProfiling, ProfileFailure
from retrieval.selectors.library import clip_count, served_clips


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


def unprofiled_count(space_name: str, model_version: str) -> int:
    """Return how many recordings `clips_without_profile` has, without a look at each of them.

    The served recordings, less the profiles of such, less those that failed: counts that indexes
    answer. What an import stores between two counts may be counted as lacking.
    """
    of_the_model = {"space": space_name, "model_version": model_version}
    profiles = ClipProfile.objects.filter(**of_the_model)
    failed = ProfileFailure.objects.filter(
        ~Exists(profiles.filter(clip=OuterRef("clip"))), clip__removed_in=None, **of_the_model
    )
    all_profiles = profiles.count()
    of_withdrawn = profiles.filter(clip__removed_in__isnull=False).count()
    return clip_count() - (all_profiles - of_withdrawn) - failed.count()
