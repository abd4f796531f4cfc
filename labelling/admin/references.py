"""Guidelines and gold pairs in the admin."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin.read_only import ReadOnlyAdmin
from labelling.admin.columns import photo
from labelling.models import GoldPair, Guideline


@admin.register(Guideline)
class GuidelineAdmin(ReadOnlyAdmin):
    """Versions of guidelines."""

    list_display = ("title", "version", "made_by", "made_at", "published_at")
    list_filter = (("published_at", admin.EmptyFieldListFilter),)
    list_select_related = ("made_by",)
    search_fields = ("title", "body")


@admin.register(GoldPair)
class GoldPairAdmin(ReadOnlyAdmin):
    """Pairs whose right grade is known."""

    list_display = ("id", photo, "clip", "grade", "reason", "made_by", "made_at")
    list_filter = ("grade",)
    list_select_related = ("scene", "clip", "made_by")
    ordering = ("-pk",)
    search_fields = ("reason", "clip__title", "scene__id")
