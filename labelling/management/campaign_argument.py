"""The campaign that a command reports on."""

from __future__ import annotations

from django.core.management.base import CommandError

from labelling.models import Campaign, CampaignState
from labelling.selectors.campaigns import campaign_named


def campaign_with_report(text: str) -> Campaign:
    """Return the campaign with this number or name.

    Raises
    ------
    CommandError
        If there is none, or it has no report: it is a draft or a worklist.
    """
    found = campaign_named(text)
    if found is None or found.state == CampaignState.DRAFT:
        raise CommandError(f"There is no drawn campaign {text!r} [campaign_unknown]")
    if found.is_worklist:
        raise CommandError(
            "A worklist has no report of shares: its pairs were chosen, not drawn [worklist]"
        )
    return found
