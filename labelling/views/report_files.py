"""Files of reports for other programs, for leads."""

from __future__ import annotations

import io
import tempfile

from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from labelling.models import Campaign, CampaignState, FrozenReport
from labelling.selectors.report_contents import ReportContents, frozen_contents, live_contents
from labelling.selectors.snapshots import frozen_report
from labelling.services.report_files import FileFormat, write_report_files
from labelling.views.access import lead_required
from labelling.views.campaigns import campaign_or_404


@require_safe
@never_cache
@lead_required
def report_file(request: HttpRequest, campaign_id: int, kind: str) -> HttpResponseBase:
    """Send the report of a campaign as it is now; a draft and a worklist have none."""
    known = _format_or_404(kind)
    campaign_with_report_or_404(campaign_id)
    return archive(known, live_contents(campaign_id))


@require_safe
@never_cache
@lead_required
def frozen_report_file(request: HttpRequest, report_id: int, kind: str) -> HttpResponseBase:
    """Send a frozen report."""
    return archive(_format_or_404(kind), frozen_contents(frozen_or_404(report_id)))


@require_safe
@never_cache
@lead_required
def frozen_data(request: HttpRequest, report_id: int) -> HttpResponseBase:
    """Send the data of a frozen report as they are stored: their SHA-256 is its digest."""
    frozen = frozen_or_404(report_id)
    return FileResponse(
        io.BytesIO(bytes(frozen.data)),
        as_attachment=True,
        filename=f"campaign-{frozen.campaign_id}-report-{frozen.number}.jsonl.gz",
        content_type="application/gzip",
    )


def campaign_with_report_or_404(campaign_id: int) -> Campaign:
    """Return a campaign, which is drawn and a random sample."""
    campaign = campaign_or_404(campaign_id)
    if campaign.state == CampaignState.DRAFT or campaign.is_worklist:
        raise Http404(f"campaign {campaign_id} is a draft or a worklist")
    return campaign


def frozen_or_404(report_id: int) -> FrozenReport:
    """Return a frozen report with its figures and data."""
    found = frozen_report(report_id)
    if found is None:
        raise Http404(f"there is no frozen report {report_id}")
    return found


def _format_or_404(kind: str) -> FileFormat:
    if kind not in {*FileFormat}:
        raise Http404(f"there is no format {kind!r}")
    return FileFormat(kind)


def archive(kind: FileFormat, contents: ReportContents) -> HttpResponseBase:
    """Answer with the files of a report, as one zip file."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 # the response closes it
    write_report_files(target=file, kind=kind, contents=contents)
    file.seek(0)
    return FileResponse(
        file,
        as_attachment=True,
        filename=f"{contents.name}-{kind}.zip",
        content_type="application/zip",
    )
