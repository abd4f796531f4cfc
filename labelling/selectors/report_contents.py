"""What the files of a report hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labelling.models import FrozenReport
from labelling.reporting.figures import make_report
from labelling.reporting.report import Report
from labelling.reporting.report_json import from_json
from labelling.reporting.row_lines import thawed
from labelling.reporting.rows import ReportRows
from labelling.selectors.report_rows import report_rows
from labelling.selectors.versions import code_version, versions_of


@dataclass(frozen=True, slots=True)
class ReportContents:
    """A report with its rows, and what its files say about it as JSON values.

    `name` is the beginning of a file's name.
    """

    name: str
    rows: ReportRows
    report: Report
    about: Mapping[str, Any]


def live_contents(campaign_id: int) -> ReportContents:
    """Return the report of a campaign as it is now.

    Raises
    ------
    Campaign.DoesNotExist
        If there is no such campaign.
    """
    rows = report_rows(campaign_id)
    return ReportContents(
        name=f"campaign-{campaign_id}-report",
        rows=rows,
        report=make_report(rows),
        about={
            "campaign": dict(rows.campaign),
            "frozen_report": None,
            "code_version": code_version(),
            **versions_of(rows),
        },
    )


def frozen_contents(frozen: FrozenReport) -> ReportContents:
    """Return a frozen report with its rows."""
    rows = thawed(bytes(frozen.data))
    return ReportContents(
        name=f"campaign-{frozen.campaign_id}-report-{frozen.number}",
        rows=rows,
        report=from_json(frozen.figures),
        about={
            "campaign": dict(rows.campaign),
            "frozen_report": {
                "number": frozen.number,
                "made_at": frozen.made_at.isoformat(),
                "digest": frozen.digest,
            },
            "code_version": frozen.code_version,
            **frozen.versions,
        },
    )
