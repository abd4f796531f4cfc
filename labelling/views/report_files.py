"""Files of reports for other programs, for leads."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from typing import Any

from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from labelling.models import Campaign, CampaignState
from labelling.reporting.figures import make_report
from labelling.reporting.report import Report
from labelling.reporting.report_json import from_json
from labelling.reporting.row_lines import thawed
from labelling.reporting.rows import ReportRows
from labelling.selectors.report_rows import report_rows
from labelling.selectors.snapshots import about_frozen, about_live, frozen_data
from labelling.services.report_files import FileFormat, write_report_files
from labelling.views.access import lead_required
from labelling.views.campaigns import campaign_or_404


@require_safe
@never_cache
@lead_required
def report_file(request: HttpRequest, campaign_id: int, kind: str) -> HttpResponseBase:
    """Send the report of a campaign as it is now."""
    campaign = drawn_or_404(campaign_id)
    rows = report_rows(campaign.pk)
    name = f"campaign-{campaign_id}-report"
    return _archive(kind, rows, make_report(rows), about_live(rows), name)


@require_safe
@never_cache
@lead_required
def frozen_report_file(request: HttpRequest, report_id: int, kind: str) -> HttpResponseBase:
    """Send a frozen report."""
    frozen = frozen_data(report_id)
    if frozen is None:
        raise Http404(f"there is no frozen report {report_id}")
    name = f"campaign-{frozen.campaign_id}-report-{frozen.number}"
    return _archive(
        kind, thawed(frozen.data), from_json(frozen.figures), about_frozen(frozen), name
    )  # fmt: skip


@require_safe
@never_cache
@lead_required
def frozen_report_data(request: HttpRequest, report_id: int) -> HttpResponseBase:
    """Send the data of a frozen report as they are stored: their SHA-256 is its digest."""
    frozen = frozen_data(report_id)
    if frozen is None:
        raise Http404(f"there is no frozen report {report_id}")
    name = f"campaign-{frozen.campaign_id}-report-{frozen.number}.jsonl.gz"
    return FileResponse(
        io.BytesIO(frozen.data), as_attachment=True, filename=name, content_type="application/gzip"
    )


def drawn_or_404(campaign_id: int) -> Campaign:
    """Return a campaign that is no draft: a draft has no report."""
    campaign = campaign_or_404(campaign_id)
    if campaign.state == CampaignState.DRAFT:
        raise Http404(f"campaign {campaign_id} is a draft")
    return campaign


def _archive(
    kind: str, rows: ReportRows, report: Report, about: Mapping[str, Any], name: str
) -> HttpResponseBase:
    if kind not in {*FileFormat}:
        raise Http404(f"there is no format {kind!r}")
    file = tempfile.TemporaryFile()  # noqa: SIM115 # the response closes it
    write_report_files(target=file, kind=FileFormat(kind), rows=rows, report=report, about=about)
    file.seek(0)
    return FileResponse(
        file, as_attachment=True, filename=f"{name}-{kind}.zip", content_type="application/zip"
    )
