"""Photos, exports, and jobs that compute profiles, in the admin."""

from __future__ import annotations

from typing import Final

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.admin.read_only import ReadOnlyAdmin
from retrieval.admin.columns import FilledInFilter, failure, photo_of, space
from retrieval.models import DataExport, LibraryProfiling, ProfileFailure, Scene, SceneRematch
from retrieval.selectors.profiling import unprofiled_count

_PHOTOS_PER_PAGE: Final = 20  # rows show their photos whole


class _JobAdmin(ReadOnlyAdmin):
    """Jobs, the newest first."""

    list_per_page = 50
    ordering = ("-created_at",)
    show_full_result_count = False


@admin.register(LibraryProfiling)
class LibraryProfilingAdmin(_JobAdmin):
    """Jobs that compute missing profiles of recordings."""

    list_display = (
        space, "model_version", "state", "left", failure, "created_at", "finished_at",
    )  # fmt: skip

    @admin.display(description=_("recordings left"))
    def left(self, profiling: LibraryProfiling) -> int | None:
        """Return how many recordings still lack the profile; None if the job is finished."""
        if profiling.finished_at is not None:
            return None
        return unprofiled_count(profiling.space_id, profiling.model_version)


@admin.register(ProfileFailure)
class ProfileFailureAdmin(ReadOnlyAdmin):
    """Recordings whose profile could not be computed."""

    list_display = ("clip", "why", space, "model_version", "at")
    list_select_related = ("clip",)
    list_filter = ("space", "code")
    ordering = ("-pk",)
    show_full_result_count = False

    @admin.display(description=_("why it failed"), ordering="code")
    def why(self, missing: ProfileFailure) -> str:
        """Return in words why there is no profile, or else the code."""
        return missing.detail or missing.code


@admin.register(Scene)
class SceneAdmin(_JobAdmin):
    """The state of photos' jobs. What only their owners may see is left out."""

    list_per_page = _PHOTOS_PER_PAGE
    list_display = ("id", "photo_shown", "state", "attempts", failure, "created_at", "finished_at")
    list_filter = ("state", ("failure_code", FilledInFilter))
    fields = (
        "photo_shown", "state", "attempts", "failure_code", "failure_detail", "created_at",
        "looked_at", "started_at", "finished_at", "owner", "width_px", "height_px", "run",
        "judging_allowed",
    )  # fmt: skip

    @admin.display(description=_("photo"))
    def photo_shown(self, scene: Scene) -> str:
        """Return the photo, if operators may see it."""
        return photo_of(scene)


@admin.register(SceneRematch)
class SceneRematchAdmin(_JobAdmin):
    """The state of repeated searches."""

    list_per_page = _PHOTOS_PER_PAGE
    list_display = ("id", "photo_shown", "matcher", "state", "attempts", failure, "created_at")
    list_filter = ("state", ("failure_code", FilledInFilter))
    list_select_related = ("scene",)
    raw_id_fields = ("scene",)

    @admin.display(description=_("photo"))
    def photo_shown(self, rematch: SceneRematch) -> str:
        """Return the photo, if operators may see it."""
        return photo_of(rematch.scene)


@admin.register(DataExport)
class DataExportAdmin(_JobAdmin):
    """The state of exports of personal data, without their files."""

    list_display = (
        "id", "user", "state", "attempts", failure, "created_at", "finished_at",
    )  # fmt: skip
    fields = (
        "id", "user", "state", "attempts", "failure_code", "failure_detail", "created_at",
        "finished_at",
    )  # fmt: skip
    list_filter = ("state", ("failure_code", FilledInFilter))
    list_select_related = ("user",)
