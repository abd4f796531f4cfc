"""Campaigns, their pairs and slots, and who grades them, in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.read_only import ReadOnlyAdmin
from labelling.models import Adjudication, Campaign, FrozenReport, Pair, Reviewer, Slot


@admin.register(Campaign)
class CampaignAdmin(ReadOnlyAdmin):
    """Campaigns."""

    list_display = (
        "name", "state", "photo_set", "design", "size", "graders_per_pair", "guideline", "made_by",
        "made_at", "drawn_at", "closed_at",
    )  # fmt: skip
    list_filter = ("state", "design")
    list_select_related = ("photo_set", "guideline", "made_by")
    search_fields = ("name", "photo_set__name")


@admin.register(Pair)
class PairAdmin(ReadOnlyAdmin):
    """Pairs of campaigns."""

    list_display = (
        "id", "campaign", "position", "purpose", "state", "scene_id", "clip", "stratum",
        "inclusion_probability",
    )  # fmt: skip
    list_filter = ("state", "purpose", "campaign")
    list_select_related = ("campaign", "clip")
    search_fields = ("clip__title", "scene__id")
    show_full_result_count = False


@admin.register(Slot)
class SlotAdmin(ReadOnlyAdmin):
    """The places of reviewers' grades, with the leases."""

    list_display = ("id", "campaign", "pair_id", "number", "state", "reviewer", "leased_until")
    list_filter = ("state", "campaign")
    list_select_related = ("campaign", "reviewer__user")
    search_fields = ("reviewer__user__username",)
    exclude = ("token",)  # whoever has it can fetch the photo in the reviewer's name
    show_full_result_count = False


@admin.register(Adjudication)
class AdjudicationAdmin(ReadOnlyAdmin):
    """Decisions of leads about pairs."""

    list_display = ("id", "pair", "grade", "reason", "lead", "at", "revoked_at")
    list_filter = ("grade", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("pair", "lead")
    search_fields = ("reason", "lead__username")


@admin.register(Reviewer)
class ReviewerAdmin(ReadOnlyAdmin):
    """Reviewers; one without a user has erased the account."""

    list_display = ("id", "user", "created_at")
    list_filter = (("user", admin.EmptyFieldListFilter),)
    list_select_related = ("user",)
    search_fields = ("user__username",)


@admin.register(FrozenReport)
class FrozenReportAdmin(ReadOnlyAdmin):
    """Frozen reports."""

    list_display = ("id", "campaign", "number", "made_by", "made_at", "digest")
    list_filter = ("campaign",)
    list_select_related = ("campaign", "made_by")
    exclude = ("figures", "data")

    def get_queryset(self, request: HttpRequest) -> QuerySet[FrozenReport]:
        """Leave the large columns in the database."""
        return super().get_queryset(request).defer("figures", "data")
