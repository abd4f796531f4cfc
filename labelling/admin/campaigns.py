"""Campaigns, their pairs and slots, and what leads decide about them, in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import floatformat
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.details import in_words
from accounts.admin.read_only import ReadOnlyAdmin
from labelling.admin.columns import pair_link, photo
from labelling.models import Adjudication, Campaign, FrozenReport, Pair, Reopening, Slot
from labelling.selectors.campaigns import campaigns


@admin.register(Campaign)
class CampaignAdmin(ReadOnlyAdmin):
    """Campaigns."""

    list_display = (
        "name", "state", "progress", "photo_set", "design", "size", "graders_per_pair", "made_by",
        "made_at",
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
        "id", "campaign", "position", photo, "clip", "purpose", "state", "stratum", "probability",
    )  # fmt: skip
    list_filter = ("state", "purpose", "campaign")
    list_per_page = 50
    ordering = ("-pk",)
    search_fields = ("clip__title", "scene__id")
    show_full_result_count = False

    @admin.display(description=_("inclusion probability"), ordering="inclusion_probability")
    def probability(self, pair: Pair) -> str | None:
        """Return the inclusion probability with four decimals; None outside of samples."""
        drawn = pair.inclusion_probability
        return None if drawn is None else floatformat(drawn, 4)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Pair]:
        """Return the pairs without the outlines of their recordings."""
        related = Pair.objects.select_related("campaign", "clip", "scene")
        return related.defer("clip__peaks", "clip__sounds")


@admin.register(Slot)
class SlotAdmin(ReadOnlyAdmin):
    """The places of reviewers' grades, with the leases."""

    list_display = ("id", pair_link, "number", "state", "reviewer", "leased_until")
    list_filter = ("state", "campaign")
    list_per_page = 50
    list_select_related = ("pair__campaign", "reviewer__user")
    ordering = ("-pk",)
    search_fields = ("reviewer__user__username",)
    exclude = ("token",)  # whoever has it can fetch the photo in the reviewer's name
    show_full_result_count = False


@admin.register(Adjudication)
class AdjudicationAdmin(ReadOnlyAdmin):
    """Decisions of leads about pairs."""

    list_display = ("at", pair_link, "grade", "reason", "lead", "revoked_at")
    list_filter = ("grade", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("pair__campaign", "lead")
    ordering = ("-at",)
    search_fields = ("reason", "lead__username")


@admin.register(Reopening)
class ReopeningAdmin(ReadOnlyAdmin):
    """Orders of leads to grade a pair again."""

    list_display = ("at", pair_link, "reason", "lead")
    list_select_related = ("pair__campaign", "lead")
    ordering = ("-at",)
    search_fields = ("reason", "lead__username")


@admin.register(FrozenReport)
class FrozenReportAdmin(ReadOnlyAdmin):
    """Frozen reports."""

    list_display = ("id", "campaign", "number", "made_by", "made_at", "begins")
    list_filter = ("campaign",)
    list_select_related = ("campaign", "made_by")
    fields = (
        "campaign", "number", "made_by", "made_at", "digest", "code_version", "named_versions",
        "seed",
    )  # fmt: skip

    @admin.display(description=_("digest"))
    def begins(self, report: FrozenReport) -> str:
        """Return the beginning of the digest, which a citation has too."""
        return report.digest[:12]

    @admin.display(description=_("versions"))
    def named_versions(self, report: FrozenReport) -> str:
        """Return the versions of matchers, models and libraries."""
        return in_words(report.versions)

    def get_queryset(self, request: HttpRequest) -> QuerySet[FrozenReport]:
        """Leave the large columns in the database."""
        return super().get_queryset(request).defer("figures", "data")
