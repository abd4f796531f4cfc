"""The report of a campaign, for leads, and what reviewers may see of their own work."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from labelling.models import CampaignState
from labelling.reporting.figures import make_report
from labelling.reporting.graders import first_grades, grader_figures
from labelling.reporting.report import GraderFigures
from labelling.reporting.rows import ReportRows
from labelling.selectors.desk import campaign_on_desk, reviewer_id_of
from labelling.selectors.report_pairs import names_of_reviewers, own_work, thumbs_in
from labelling.selectors.report_rows import report_rows
from labelling.views.access import actor_of, lead_required, reviewer_required
from labelling.views.campaigns import campaign_or_404
from labelling.views.report_parts import report_parts
from labelling.views.snapshots import snapshot_parts

_NOBODY = 0
"""Stands for the key of somebody without a reviewer row: no row has it."""


@require_safe
@never_cache
@lead_required
def report(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Show the report of a campaign as it is now; a draft has none, of a worklist it says why."""
    shown = campaign_or_404(campaign_id)
    if shown.state == CampaignState.DRAFT:
        raise Http404(f"campaign {campaign_id} is not drawn")
    if shown.is_worklist:
        return render(request, "labelling/report.html", {"campaign": shown})
    rows = report_rows(campaign_id)
    made = make_report(rows)
    context = {
        "campaign": shown,
        "thumbs": thumbs_in(campaign_id),
        **report_parts(request, made, names=_names(rows)),
        **snapshot_parts(campaign_id, rows, made),
    }
    return render(request, "labelling/report.html", context)


@require_safe
@never_cache
@reviewer_required
def own_report(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Show a reviewer their own row.

    Gold and the agreement with others only after the campaign is closed: before, they would tell
    which pairs are gold and what others say.
    """
    campaign = campaign_on_desk(campaign_id)
    if campaign is None:
        raise Http404(f"there is no campaign {campaign_id} to review")
    reviewer_id = reviewer_id_of(actor_of(request)) or _NOBODY
    context: dict[str, Any] = {
        "campaign": campaign,
        "work": own_work(reviewer_id, campaign_id),
        "is_closed": campaign.state == CampaignState.CLOSED,
    }
    if context["is_closed"] and context["work"].grades:
        context["figures"] = _own_figures(report_rows(campaign_id), reviewer_id)
    return render(request, "labelling/own_report.html", context)


def _own_figures(rows: ReportRows, reviewer_id: int) -> GraderFigures | None:
    own = {one.pseudonym for one in rows.graders if one.key == reviewer_id}
    figures = grader_figures(rows, first_grades(rows))  # a report of everything takes seconds
    return next((one for one in figures if one.pseudonym in own), None)


def _names(rows: ReportRows) -> dict[str, str]:
    names = names_of_reviewers([one.key for one in rows.graders])
    return {one.pseudonym: names.get(one.key, "") for one in rows.graders}
