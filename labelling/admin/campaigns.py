"""Campaigns, their pairs and slots, and what leads decide about them, in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.read_only import ReadOnlyAdmin
from labelling.models import Adjudication, Campaign, FrozenReport, Pair, Reopening, Slot
from labelling.selectors.campaigns import campaigns


@admin.register(Campaign)
class CampaignAdmin(ReadOnlyAdmin):
    """Campaigns."""

    list_display = (
        "name", "state", "progress", "photo_set", "design", "size", "graders_per_pair", "guideline",
        "made_by", "made_at", "drawn_at", "closed_at",
    )  # fmt: skip
    list_filter = ("state", "design")
    search_fields = ("name", "photo_set__name")

    @admin.display(description=_("pairs settled"), ordering="settled_count")
    def progress(self, campaign: Campaign) -> str:
        """Return how many of the campaign's pairs are settled."""
        settled, pairs = (getattr(campaign, name) for name in ("settled_count", "pair_count"))
        return gettext("%(settled)d of %(pairs)d") % {"settled": settled, "pairs": pairs}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        """Return the campaigns with the numbers of their pairs."""
        return campaigns()


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


@admin.register(Reopening)
class ReopeningAdmin(ReadOnlyAdmin):
    """Orders of leads to grade a pair again."""

    list_display = ("id", "pair", "reason", "lead", "at")
    list_select_related = ("pair", "lead")
    search_fields = ("reason", "lead__username")


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
