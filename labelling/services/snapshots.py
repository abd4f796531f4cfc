"""Freeze the report of a campaign."""

from __future__ import annotations

import hashlib

from django.db import transaction

from accounts.services.audit import record
from labelling.models import CampaignState, FrozenReport
from labelling.reporting.figures import make_report
from labelling.reporting.report_json import to_json
from labelling.reporting.row_lines import frozen
from labelling.reporting.rows import ReportRows
from labelling.selectors.report_rows import report_rows
from labelling.selectors.snapshots import frozen_reports
from labelling.selectors.versions import code_version, versions_of
from labelling.services.errors import WrongStateError
from labelling.services.locks import lock_campaign


def freeze_report(*, campaign_id: int, lead_id: int | None) -> FrozenReport:
    """Store a campaign's report as it is now, with the rows from which it can be made again.

    Where nothing has changed since the last one, that one is returned.

    Raises
    ------
    Campaign.DoesNotExist
        If there is no such campaign.
    WrongStateError
        If the campaign is a draft or a worklist.
    """
    while True:
        rows, last = _rows_now(campaign_id)
        figures, data = to_json(make_report(rows)), frozen(rows)  # seconds, without a lock
        report = _store(
            campaign_id=campaign_id, lead_id=lead_id, rows=rows, figures=figures, data=data,
            seen=last,
        )  # fmt: skip
        if report is not None:
            return report


@transaction.atomic
def _rows_now(campaign_id: int) -> tuple[ReportRows, int]:
    """Read the rows while no answer is stored, so that they are those of one moment.

    The number is that of the last frozen report at that moment, 0 if there is none.
    """
    campaign = lock_campaign(campaign_id=campaign_id)
    if campaign.state == CampaignState.DRAFT or campaign.is_worklist:
        raise WrongStateError(f"campaign {campaign_id} is a draft or a worklist")
    return report_rows(campaign_id), _last_number(frozen_reports(campaign_id).first())


def _last_number(last: FrozenReport | None) -> int:
    return last.number if last else 0


@transaction.atomic
def _store(
    *,
    campaign_id: int,
    lead_id: int | None,
    rows: ReportRows,
    figures: str,
    data: bytes,
    seen: int,
) -> FrozenReport | None:
    """Store the report; None if another was stored since the rows were read, perhaps newer ones."""
    campaign = lock_campaign(campaign_id=campaign_id)
    digest = hashlib.sha256(data).hexdigest()
    last = frozen_reports(campaign_id).first()
    if last and (last.digest, last.code_version) == (digest, code_version()):
        return last
    if _last_number(last) != seen:
        return None
    report = FrozenReport.objects.create(
        campaign=campaign,
        number=seen + 1,
        made_by_id=lead_id,
        figures=figures,
        data=data,
        digest=digest,
        code_version=code_version(),
        versions=versions_of(rows),
        seed=campaign.seed,
    )
    record(
        action="report.frozen",
        subject=f"campaign {campaign_id}",
        actor_id=lead_id,
        report=report.pk,
        number=report.number,
        digest=digest,
    )
    report.refresh_from_db(fields=["made_at"])
    return report
