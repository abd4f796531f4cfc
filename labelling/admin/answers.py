"""What reviewers answered, in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.admin.details import in_words
from accounts.admin.read_only import ReadOnlyAdmin
from labelling.admin.columns import pair_link, seconds
from labelling.grades import Fault
from labelling.models import Answer, Grade, LostLease, Skip


class _OfReviewers(ReadOnlyAdmin):
    """Rows of reviewers about pairs."""

    date_hierarchy = "at"
    list_per_page = 50
    ordering = ("-at",)
    search_fields = ("reviewer__user__username", "pair__campaign__name")
    show_full_result_count = False


@admin.register(Grade)
class GradeAdmin(_OfReviewers):
    """The grades in force."""

    list_display = (
        "at", pair_link, "reviewer", "grade", "named_faults", "guideline", "listened", "took",
    )  # fmt: skip
    list_filter = ("grade", "pair__campaign")
    list_select_related = ("pair__campaign", "reviewer__user", "guideline")

    @admin.display(description=_("faults"), ordering="faults")
    def named_faults(self, grade: Grade) -> str:
        """Return the names of the faults."""
        return ", ".join(str(Fault(one).label) for one in grade.faults)

    @admin.display(description=_("listened"), ordering="listened_s")
    def listened(self, grade: Grade) -> str:
        """Return how much was heard before the grade."""
        return seconds(grade.listened_s)

    @admin.display(description=_("took"), ordering="took_s")
    def took(self, grade: Grade) -> str:
        """Return how long it took from the sight of the photo."""
        return seconds(grade.took_s)


@admin.register(Skip)
class SkipAdmin(_OfReviewers):
    """The skips in force."""

    list_display = ("at", pair_link, "reviewer", "reason")
    list_filter = ("reason", "pair__campaign")
    list_select_related = ("pair__campaign", "reviewer__user")


@admin.register(Answer)
class AnswerAdmin(_OfReviewers):
    """All that reviewers sent."""

    list_display = ("at", pair_link, "reviewer", "kind", "said")
    list_filter = ("kind",)
    list_select_related = ("pair__campaign", "reviewer__user")
    fields = ("id", "pair", "reviewer", "kind", "undoes", "said", "at")

    @admin.display(description=_("what was sent"))
    def said(self, answer: Answer) -> str:
        """Return what was sent, in words."""
        return in_words(answer.detail)


@admin.register(LostLease)
class LostLeaseAdmin(_OfReviewers):
    """Leases that ended before an answer; without links, which would hold their tokens."""

    list_display = ("at", pair_link, "reviewer")
    list_display_links = None
    list_filter = ("pair__campaign",)
    list_select_related = ("pair__campaign", "reviewer__user")
