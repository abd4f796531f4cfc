"""Which campaigns somebody may know of."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from labelling.models import Campaign, CampaignState, Grade
from labelling.selectors.queue import RUNNING


def visible_campaigns(
    reviewer_id: int, *, leads: bool, state: str | None = None
) -> QuerySet[Campaign]:
    """Return the campaigns of somebody's list, with set and guideline.

    Leads see all; others those that run, and the closed ones in which they graded.
    """
    campaigns = Campaign.objects.select_related("photo_set", "guideline")
    if state is not None:
        campaigns = campaigns.filter(state=state)
    if leads:
        return campaigns
    graded = Grade.objects.filter(reviewer_id=reviewer_id).values("pair__campaign_id")
    return campaigns.filter(Q(state__in=RUNNING) | Q(state=CampaignState.CLOSED, pk__in=graded))
