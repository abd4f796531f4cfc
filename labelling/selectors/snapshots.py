"""Queries on frozen reports."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from accounts.models import User
from labelling.models import CampaignState, FrozenReport
from labelling.reporting.changes import Changes, changes
from labelling.reporting.report import Headline, Report
from labelling.reporting.report_json import from_json
from labelling.reporting.rows import ReportRows
from labelling.selectors.rights import may_lead


@dataclass(frozen=True, slots=True)
class ReportChanges:
    """What has changed since a report was frozen."""

    since: FrozenReport
    changes: Changes
    then: Headline
    now: Headline


def frozen_reports(campaign_id: int) -> QuerySet[FrozenReport]:
    """Return a campaign's frozen reports without figures and data, newest first."""
    reports = FrozenReport.objects.filter(campaign_id=campaign_id).order_by("-number")
    return reports.select_related("campaign", "made_by").defer("figures", "data")


def frozen_report(report_id: int) -> FrozenReport | None:
    """Return a frozen report."""
    return FrozenReport.objects.filter(pk=report_id).first()


def frozen_report_numbered(campaign_id: int, number: int) -> FrozenReport | None:
    """Return the frozen report of a campaign with this number."""
    return FrozenReport.objects.filter(campaign_id=campaign_id, number=number).first()


def frozen_report_for(user: User, report_id: int) -> FrozenReport | None:
    """Return a frozen report without its data, if this person may see it.

    Leads see all. While a campaign runs others see none: a reviewer would learn how others grade.
    """
    reports = FrozenReport.objects.select_related("campaign", "made_by").defer("data")
    found = reports.filter(pk=report_id).first()
    if found is None or may_lead(user) or found.campaign.state == CampaignState.CLOSED:
        return found
    return None


def report_changes(campaign_id: int, *, rows: ReportRows, report: Report) -> ReportChanges | None:
    """Compare a campaign's report with the last frozen one; None if there is none."""
    last = FrozenReport.objects.filter(campaign_id=campaign_id).order_by("-number").first()
    if last is None:
        return None
    return ReportChanges(
        since=last,
        changes=changes(bytes(last.data), rows),
        then=from_json(last.figures).headline,
        now=report.headline,
    )
