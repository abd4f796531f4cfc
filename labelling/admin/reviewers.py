"""Reviewers, what they hold, and their admissions, in the admin."""

from __future__ import annotations

from datetime import datetime

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.admin.read_only import ReadOnlyAdmin
from labelling.models import Admission, Reviewer
from labelling.selectors.leases import campaigns_with_leases, reviewers_with_leases
from labelling.services.queue import release_leases


@admin.register(Reviewer)
class ReviewerAdmin(ReadOnlyAdmin):
    """Reviewers; one without a user has erased the account."""

    list_display = ("id", "user", "held", "held_until", "created_at")
    list_filter = (("user", admin.EmptyFieldListFilter),)
    search_fields = ("user__username",)
    actions = ("release",)

    @admin.display(description=_("pairs held"), ordering="held")
    def held(self, reviewer: Reviewer) -> int:
        """Return how many pairs are leased to the reviewer."""
        return int(getattr(reviewer, "held", 0))

    @admin.display(description=_("until"), ordering="held_until")
    def held_until(self, reviewer: Reviewer) -> datetime | None:
        """Return when the last of these leases ends."""
        return getattr(reviewer, "held_until", None)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reviewer]:
        """Return the reviewers with what they hold."""
        return reviewers_with_leases()

    @admin.action(description=_("Release the pairs that they hold"), permissions=["release"])
    def release(self, request: HttpRequest, chosen: QuerySet[Reviewer]) -> None:
        """Release all pairs that reviewers hold, campaign by campaign."""
        reviewers = list(chosen.values_list("pk", flat=True))
        released = sum(
            release_leases(campaign_id=key, reviewer_ids=reviewers, actor_id=request.user.pk or 0)
            for key in campaigns_with_leases(reviewers)
        )
        words = ngettext(
            "%(released)d pair is released: others can grade it.",
            "%(released)d pairs are released: others can grade them.",
            released,
        )
        self.message_user(request, words % {"released": released})

    def has_release_permission(self, request: HttpRequest) -> bool:
        """Allow what the user's permissions allow; the rows themselves are read only."""
        return request.user.has_perm("labelling.change_slot")


@admin.register(Admission)
class AdmissionAdmin(ReadOnlyAdmin):
    """Decisions of leads that reviewers may grade although they did not qualify."""

    list_display = ("id", "campaign", "reviewer", "lead", "at")
    ordering = ("-pk",)
    list_filter = ("campaign",)
    list_select_related = ("campaign", "reviewer__user", "lead")
    search_fields = ("campaign__name", "reviewer__user__username", "lead__username")
