"""Photo sets and their imports in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.db import models

from accounts.admin.read_only import ReadOnlyAdmin
from labelling.admin.columns import photo
from labelling.models import PhotoImport, PhotoSet, SetPhoto
from retrieval.admin.columns import FilledInFilter, failure


@admin.register(PhotoSet)
class PhotoSetAdmin(ReadOnlyAdmin):
    """Photo sets."""

    list_display = ("name", "source", "made_by", "made_at")
    list_filter = ("source",)
    list_select_related = ("made_by",)
    search_fields = ("name", "purpose")


@admin.register(SetPhoto)
class SetPhotoAdmin(ReadOnlyAdmin):
    """The photos of the sets, with the licence and credit of imported ones."""

    list_display = ("__str__", photo, "photo_set", "license", "author", "added_at")
    list_filter = ("photo_set", "license")
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    list_per_page = 50
    list_select_related = ("photo_set", "scene")
    ordering = ("-pk",)
    search_fields = ("name", "author", "scene__id")
    fields = (
        "photo_set", "scene", "photo_sha256", "name", "author", "license", "source_url", "added_at",
    )  # fmt: skip
    show_full_result_count = False


@admin.register(PhotoImport)
class PhotoImportAdmin(ReadOnlyAdmin):
    """The state of imports, without their files."""

    list_display = (
        "file_name", "photo_set", "state", "attempts", "total", failure, "requested_by",
        "created_at", "finished_at",
    )  # fmt: skip
    list_filter = ("state", ("failure_code", FilledInFilter))
    list_select_related = ("photo_set", "requested_by")
    ordering = ("-created_at",)
    search_fields = ("file_name", "photo_set__name")
    fields = (
        "photo_set", "file_name", "author", "license", "source_url", "total", "state", "attempts",
        "failure_code", "failure_detail", "requested_by", "created_at", "started_at", "finished_at",
    )  # fmt: skip
