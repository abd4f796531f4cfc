"""Photos, exports, and jobs that compute profiles, in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.admin.read_only import ReadOnlyAdmin
from retrieval.models import DataExport, LibraryProfiling, ProfileFailure, Scene
from retrieval.selectors.profiling import clips_without_profile


@admin.register(LibraryProfiling)
class LibraryProfilingAdmin(ReadOnlyAdmin):
    """Jobs that compute missing profiles of recordings."""

    list_display = (
        "space", "model_version", "state", "left", "failure_code", "created_at", "finished_at",
    )  # fmt: skip

    @admin.display(description=_("recordings left"))
    def left(self, profiling: LibraryProfiling) -> int | None:
        """Return how many recordings still lack the profile; None if the job is finished."""
        if profiling.finished_at is not None:  # counting reads the whole library
            return None
        return clips_without_profile(profiling.space_id, profiling.model_version).count()


@admin.register(ProfileFailure)
class ProfileFailureAdmin(ReadOnlyAdmin):
    """Recordings whose profile could not be computed."""

    list_display = ("clip", "space", "model_version", "code", "detail", "at")
    list_select_related = ("clip",)
    list_filter = ("space", "code")


@admin.register(Scene)
class SceneAdmin(ReadOnlyAdmin):
    """The state of photos' jobs. What only their owners may see is left out."""

    list_display = ("id", "state", "attempts", "failure_code", "created_at", "finished_at")
    list_filter = ("state", "failure_code")
    exclude = ("photo", "model_input", "title", "visibility", "hidden_reason")


@admin.register(DataExport)
class DataExportAdmin(ReadOnlyAdmin):
    """The state of exports of personal data, without their files."""

    list_display = fields = (
        "id", "user_id", "state", "attempts", "failure_code", "created_at", "finished_at",
    )  # fmt: skip
    list_filter = ("state", "failure_code")
