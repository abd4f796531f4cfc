"""What librarians and operators see of recordings and photos: mostly to read."""

from __future__ import annotations

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from retrieval.models import Clip, ImportItem, LibraryImport, Scene
from retrieval.submission import submit_import


@admin.register(Clip)
class ClipAdmin(admin.ModelAdmin):
    """Recordings: what people wrote about them can be changed, what was measured cannot."""

    list_display = (
        "title",
        "author",
        "license",
        "collection",
        "duration_s",
        "added_in",
        "removed_in",
    )
    list_filter = ("license", "collection", "state")
    search_fields = ("title", "tags", "author", "path")
    exclude = ("peaks",)

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
