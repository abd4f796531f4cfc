"""Reads of what recordings still lack."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from retrieval.engine.spaces.space import ClassSpace
from retrieval.models import Clip, ClipProfile, LibraryProfiling, ProfileFailure


def profiling_is_open() -> bool:
    """Say whether recordings are being described anew, or are to be."""
    return LibraryProfiling.objects.filter(finished_at__isnull=True).exists()


def unprofiled_clips(space: ClassSpace) -> QuerySet[Clip]:
    """Return the recordings that can be heard and have no profile in a space by its model now.

    Those that could not be described by it are left out, and so are withdrawn ones.
    """
    return clips_without_profile(space.name, space.audio_model)


def clips_without_profile(space_name: str, model_version: str) -> QuerySet[Clip]:
    """Do what `unprofiled_clips` says, for a model by its version."""
    of_the_model = {"clip": OuterRef("pk"), "space": space_name, "model_version": model_version}
    return Clip.objects.filter(
        ~Exists(ClipProfile.objects.filter(**of_the_model)),
        ~Exists(ProfileFailure.objects.filter(**of_the_model)),
        added_in__isnull=False,
        removed_in__isnull=True,
    ).order_by("id")
