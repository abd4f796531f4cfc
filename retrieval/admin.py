"""What librarians and operators see of recordings and photos: mostly to read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

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
    """Recordings with something in the way of a place's sound."""

    title = "flag"
    parameter_name = "flag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer every flag."""
        return [(flag.value, flag.value) for flag in Flag]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Clip]) -> QuerySet[Clip]:
        """Keep the recordings that carry the flag."""
        return queryset.filter(flags__contains=[self.value()]) if self.value() else queryset


@admin.register(Clip)
class ClipAdmin(admin.ModelAdmin):
    """Recordings: what people wrote about them can be changed, what was measured cannot."""

    list_display = (
        "title",
        "author",
        "license",
        "collection",
        "duration_s",
        "heard_in_it",
        "flags",
        "added_in",
        "removed_in",
    )
    list_filter = (FlagFilter, "license", "collection")
    search_fields = ("title", "tags", "author", "path", "sound_tags")
    exclude = ("peaks",)

    @admin.display(description="heard in it")
    def heard_in_it(self, clip: Clip) -> str:
        """Name the sounds, surest first."""
        return ", ".join(clip.sound_tags)

    def get_readonly_fields(self, request: HttpRequest, obj: Clip | None = None) -> list[str]:
        """Leave title, tags, author and source open."""
        editable = {"title", "tags", "author", "license", "license_url", "source_url", "collection"}
        return [field.name for field in Clip._meta.fields if field.name not in editable]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: recordings come in by import only."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Clip | None = None) -> bool:
        """Refuse: a recording that was matched stays, for the matches' sake."""
        return False


class ReadOnlyAdmin:
    """To look at, not to change."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse."""
        return False


@admin.register(ImportItem)
class ImportItemAdmin(ReadOnlyAdmin, admin.ModelAdmin):
    """What became of each file."""

    list_display = ("path", "outcome", "code", "clip", "at")
    list_filter = ("outcome", "code")
    search_fields = ("path", "source")


@admin.register(LibraryProfiling)
class LibraryProfilingAdmin(ReadOnlyAdmin, admin.ModelAdmin):
    """How far recordings are described anew."""

    list_display = (
        "space",
        "model_version",
        "state",
        "left",
        "failure_code",
        "created_at",
        "finished_at",
    )

    @admin.display(description="recordings left")
    def left(self, profiling: LibraryProfiling) -> int | None:
        """Count the recordings that still lack the profile, while somebody is to make it."""
        if profiling.finished_at is not None:  # the library is read through for a count
            return None
        return clips_without_profile(profiling.space_id, profiling.model_version).count()


@admin.register(ProfileFailure)
class ProfileFailureAdmin(ReadOnlyAdmin, admin.ModelAdmin):
    """Recordings that a model could not describe."""

    list_display = ("clip", "space", "model_version", "code", "at")
    list_filter = ("space", "code")


@admin.register(PhotoBank)
class PhotoBankAdmin(ReadOnlyAdmin, admin.ModelAdmin):
    """Banks of photos; the newest is in force. A bad one is deleted: then the one before is."""

    list_display = ("id", "photos", "digest", "at")

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Allow what Django allows."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


class HeardOverrideForm(ModelForm):
    """An override that the table can take."""

    class Meta:
        model = HeardOverride
        fields = ("wnid", "sounds", "taken_back", "why")

    def clean(self) -> dict[str, Any]:
        """Refuse what breaks the table's rules, in its own words."""
        cleaned = super().clean() or {}
        if not self.errors:
            check_override(override=HeardOverride(**cleaned))
        return cleaned


@admin.register(HeardOverride)
class HeardOverrideAdmin(admin.ModelAdmin):
    """What one hears where one sees a class, if not what the program's table says.

    Rows are added, never changed: the newest of a class counts, one that takes back restores the
    program's own.
    """

    form = HeardOverrideForm
    list_display = ("wnid", "label", "sounds", "taken_back", "why", "at")
    search_fields = ("wnid", "why")

    @admin.display(description="class")
    def label(self, override: HeardOverride) -> str:
        """Name the class."""
        return load_vocabulary("imagenet").by_key(override.wnid).name

    def save_model(
        self,
        request: HttpRequest,
        obj: HeardOverride,
        form: ModelForm[HeardOverride],
        change: bool,  # noqa: FBT001 # Django calls it by position
    ) -> None:
        """Have it count from the next photo on."""
        obj.pk = override_sounds(
            wnid=obj.wnid,
            sounds=obj.sounds,
            why=obj.why,
            taken_back=obj.taken_back,
            author=request.user.pk,
        ).pk

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse: what was in force stays on record."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse: what was in force stays on record."""
        return False


@admin.register(Scene)
class SceneAdmin(ReadOnlyAdmin, admin.ModelAdmin):
    """Photos and how their jobs stand."""

    list_display = ("id", "state", "attempts", "failure_code", "created_at", "finished_at")
    list_filter = ("state", "failure_code")


@admin.register(LibraryImport)
class LibraryImportAdmin(admin.ModelAdmin):
    """Ask for an import, and see how it stands."""

    list_display = ("source", "state", "failure_code", "created_at", "finished_at")
    fields = ("source",)

    def save_model(
        self,
        request: HttpRequest,
        obj: LibraryImport,
        form: ModelForm[LibraryImport],
        change: bool,  # noqa: FBT001 # Django calls it by position
    ) -> None:
        """Hand the source to the ingest worker."""
        obj.pk = submit_import(obj.source, requested_by=request.user.pk).pk

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse: an import that was asked for is not changed."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse: what was asked for stays on record."""
        return False
