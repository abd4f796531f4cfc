"""The admin of recordings, imports, photos and overrides; most of it is read-only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from retrieval.engine.vocabulary.labels import load_vocabulary
from retrieval.engine.vocabulary.sounds import Flag
from retrieval.models import (
    Clip,
    HeardOverride,
    ImportItem,
    LibraryImport,
    LibraryProfiling,
    PhotoBank,
    ProfileFailure,
    Scene,
)
from retrieval.selectors.profiling import clips_without_profile
from retrieval.services.site_overrides import check_override, override_sounds
from retrieval.submission import submit_import


class FlagFilter(admin.SimpleListFilter):
    """Filter by a sound that does not belong to the place, such as speech."""

    title = _("flag")
    parameter_name = "flag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every flag."""
        return [(flag.value, flag.value) for flag in Flag]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Clip]) -> QuerySet[Clip]:
        """Return the recordings with the chosen flag."""
        return queryset.filter(flags__contains=[self.value()]) if self.value() else queryset


class AppendOnlyAdmin(admin.ModelAdmin):
    """Rows can be added, but neither changed nor deleted."""

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse."""
        return False


class ReadOnlyAdmin(AppendOnlyAdmin):
    """Rows can only be viewed."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False


@admin.register(Clip)
class ClipAdmin(ReadOnlyAdmin):
    """Recordings: people's descriptions can be changed, measured values cannot.

    Recordings are added only by an import, and are kept because matches refer to them.
    """

    list_display = (
        "title", "author", "license", "collection", "duration_s", "heard_in_it", "flags",
        "added_in", "removed_in",
    )  # fmt: skip
    list_filter = (FlagFilter, "license", "collection")
    search_fields = ("title", "tags", "author", "path", "sound_tags")
    exclude = ("peaks",)

    @admin.display(description=_("heard in it"))
    def heard_in_it(self, clip: Clip) -> str:
        """Return the names of the detected sounds, most certain first."""
        return ", ".join(clip.sound_tags)

    def get_readonly_fields(self, request: HttpRequest, obj: Clip | None = None) -> list[str]:
        """Return every field except title, tags, author, licence and source."""
        editable = {"title", "tags", "author", "license", "license_url", "source_url", "collection"}
        return [field.name for field in Clip._meta.fields if field.name not in editable]

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Allow what the user's permissions allow."""
        return admin.ModelAdmin.has_change_permission(self, request, obj)


@admin.register(ImportItem)
class ImportItemAdmin(ReadOnlyAdmin):
    """The result of each imported file."""

    list_display = ("path", "outcome", "code", "clip", "at")
    list_filter = ("outcome", "code")
    search_fields = ("path", "source")


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

    list_display = ("clip", "space", "model_version", "code", "at")
    list_filter = ("space", "code")


@admin.register(PhotoBank)
class PhotoBankAdmin(ReadOnlyAdmin):
    """Banks of photos. The newest is in use; deleting it restores the one before."""

    list_display = ("id", "photos", "digest", "at")

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Allow what the user's permissions allow."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


class HeardOverrideForm(ModelForm):
    """The form of an override."""

    class Meta:
        model = HeardOverride
        fields = ("wnid", "sounds", "taken_back", "why")

    def clean(self) -> dict[str, Any]:
        """Validate the override against the rules of the table."""
        cleaned = super().clean() or {}
        if not self.errors:
            check_override(override=HeardOverride(**cleaned))
        return cleaned


@admin.register(HeardOverride)
class HeardOverrideAdmin(AppendOnlyAdmin):
    """Overrides of the sounds that are expected for an image class.

    The newest row of a class applies; `taken_back` restores the program's own entry.
    """

    form = HeardOverrideForm
    list_display = ("wnid", "label", "sounds", "taken_back", "why", "at")
    search_fields = ("wnid", "why")

    @admin.display(description=_("class"))
    def label(self, override: HeardOverride) -> str:
        """Return the class name."""
        return load_vocabulary("imagenet").by_key(override.wnid).name

    def save_model(
        self,
        request: HttpRequest,
        obj: HeardOverride,
        form: ModelForm[HeardOverride],
        change: bool,  # noqa: FBT001 # Django calls it by position
    ) -> None:
        """Store the override; it applies from the next photo."""
        obj.pk = override_sounds(
            wnid=obj.wnid,
            sounds=obj.sounds,
            why=obj.why,
            taken_back=obj.taken_back,
            author=request.user.pk,
        ).pk


@admin.register(Scene)
class SceneAdmin(ReadOnlyAdmin):
    """Photos and the state of their jobs."""

    list_display = ("id", "state", "attempts", "failure_code", "created_at", "finished_at")
    list_filter = ("state", "failure_code")


@admin.register(LibraryImport)
class LibraryImportAdmin(AppendOnlyAdmin):
    """Imports: request one and follow its state."""

    list_display = ("source", "state", "failure_code", "created_at", "finished_at")
    fields = ("source",)

    def save_model(
        self,
        request: HttpRequest,
        obj: LibraryImport,
        form: ModelForm[LibraryImport],
        change: bool,  # noqa: FBT001 # Django calls it by position
    ) -> None:
        """Queue the import for an ingest worker."""
        obj.pk = submit_import(obj.source, requested_by=request.user.pk).pk
