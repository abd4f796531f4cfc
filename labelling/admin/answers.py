"""What reviewers answered, in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.admin.read_only import ReadOnlyAdmin
from labelling.models import Answer, Grade, LostLease, Skip


class _OfReviewers(ReadOnlyAdmin):
    """Rows of reviewers about pairs."""

    search_fields = ("reviewer__user__username", "pair__campaign__name")
    date_hierarchy = "at"
    show_full_result_count = False

    @admin.display(description=_("campaign"))
    def campaign(self, row: Answer | Grade | LostLease | Skip) -> str:
        """Return the name of the campaign."""
        return row.pair.campaign.name


@admin.register(Grade)
class GradeAdmin(_OfReviewers):
    """The grades in force."""

    list_display = (
        "id", "campaign", "pair_id", "reviewer", "grade", "faults", "guideline", "listened_s",
        "took_s", "at",
    )  # fmt: skip
    list_filter = ("grade", "pair__campaign")
    list_select_related = ("pair__campaign", "reviewer__user", "guideline")


@admin.register(Skip)
class SkipAdmin(_OfReviewers):
    """The skips in force."""

    list_display = ("id", "campaign", "pair_id", "reviewer", "reason", "at")
    list_filter = ("reason", "pair__campaign")
    list_select_related = ("pair__campaign", "reviewer__user")


@admin.register(Answer)
class AnswerAdmin(_OfReviewers):
    """All that reviewers sent."""

    list_display = ("id", "campaign", "pair_id", "reviewer", "kind", "undoes_id", "at")
    list_filter = ("kind",)
    list_select_related = ("pair__campaign", "reviewer__user")


@admin.register(LostLease)
class LostLeaseAdmin(_OfReviewers):
    """Leases that ended before an answer; without links, which would hold their tokens."""

    list_display = ("campaign", "pair_id", "reviewer", "at")
    list_display_links = None
    list_filter = ("pair__campaign",)
    list_select_related = ("pair__campaign", "reviewer__user")
