"""Frozen reports: making one, its page, and what has changed since."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from labelling.reporting.report import Report
from labelling.reporting.report_json import from_json
from labelling.reporting.rows import ReportRows
from labelling.selectors.rights import may_lead
from labelling.selectors.snapshots import frozen_report_for, frozen_reports, report_changes
from labelling.services.errors import WrongStateError
from labelling.services.report_files import FileFormat
from labelling.services.snapshots import freeze_report
from labelling.views.access import actor_of, lead_required
from labelling.views.campaigns import campaign_or_404, to_campaign
from labelling.views.refusals import refusal_words
from labelling.views.report_parts import report_parts

_FORMATS: Final = (
    (FileFormat.CSV, "CSV"),
    (FileFormat.JSONL, "JSONL"),
    (FileFormat.PARQUET, "Parquet"),
)


@require_safe
@never_cache
@login_required
def frozen_report(request: HttpRequest, report_id: int) -> HttpResponse:
    """Show a frozen report: all of it to leads, to others what tells of nobody and no photo."""
    user = request.user
    frozen = frozen_report_for(user, report_id) if isinstance(user, User) else None
    if frozen is None:
        raise Http404(f"this person sees no frozen report {report_id}")
    leads = may_lead(user)
    report = from_json(frozen.figures)
    context = {
        **report_parts(request, report if leads else _for_everybody(report)),
        "frozen": frozen,
        "campaign": frozen.campaign,
        "leads": leads,
        "link": request.build_absolute_uri(request.path),
        "host": request.get_host(),
        "files": _files("labelling:frozen_report_file", report_id),
    }
    return render(request, "labelling/frozen_report.html", context)


@require_POST
@lead_required
def report_freeze(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Freeze the report of a campaign."""
    campaign_or_404(campaign_id)
    try:
        frozen = freeze_report(campaign_id=campaign_id, lead_id=actor_of(request))
    except WrongStateError as error:
        messages.error(request, refusal_words(error))
        return to_campaign(campaign_id)
    page = reverse("labelling:frozen_report", args=[frozen.pk])
    return HttpResponseRedirect(page, status=303)


def snapshot_parts(campaign_id: int, rows: ReportRows, report: Report) -> dict[str, Any]:
    """Return what the page of a live report shows about frozen ones, and its files."""
    return {
        "changes": report_changes(campaign_id, rows=rows, report=report),
        "frozen_reports": frozen_reports(campaign_id),
        "files": _files("labelling:report_file", campaign_id),
    }


def _files(route: str, key: int) -> list[tuple[str, str]]:
    return [(words, reverse(route, args=[key, kind])) for kind, words in _FORMATS]


def _for_everybody(report: Report) -> Report:
    """Leave out single graders, and pairs: their photos may be meant for reviewers alone."""
    versus = report.comparison
    return replace(
        report,
        graders=(),
        worst=(),
        disputed=(),
        comparison=versus and replace(versus, differing=()),
    )
