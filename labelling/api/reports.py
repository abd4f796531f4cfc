"""Reports and their files, for programs of leads: the scope asks for their role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.files import FileView
from accounts.api.schema import operation, page_serializer
from accounts.api.serializers import PageQuerySerializer, QuerySerializer
from accounts.scopes import Scope
from labelling.api.report_serializers import (
    ExportQuerySerializer,
    FrozenReportDetailSerializer,
    FrozenReportSerializer,
    ReportSerializer,
)
from labelling.api.views import LabellingView
from labelling.reporting.figures import make_report
from labelling.reporting.report_json import as_values
from labelling.selectors.report_contents import frozen_contents, live_contents
from labelling.selectors.report_rows import report_rows
from labelling.selectors.snapshots import frozen_reports
from labelling.services.report_files import FileFormat
from labelling.views.report_files import archive, campaign_with_report_or_404, frozen_or_404

_ZIP: Final[Mapping[Any, Any]] = {(200, "application/zip"): OpenApiTypes.BINARY}
_FILES: Final = (
    "A zip file with the tables `grades`, `pairs` and `aggregates` in the format, "
    "`dictionary.csv`, which says what each column means, and `versions.json`."
)


class ReportView(LabellingView):
    """The report of a campaign."""

    scopes: ClassVar = {"GET": Scope.REPORTS_READ}
    query: ClassVar = {"GET": QuerySerializer}

    @operation(
        operation_id="campaign_report",
        summary="Get the report of a campaign as it is now",
        description="A draft and a worklist have none: 404.",
        answers={200: ReportSerializer},
        query=QuerySerializer,
        problems=(404,),
        tag="Reports",
    )
    def get(self, request: Request, campaign_id: int) -> Response:
        """Answer the figures."""
        campaign_with_report_or_404(campaign_id)
        report = make_report(report_rows(campaign_id))
        return Response(self.present(ReportSerializer, as_values(report)))


class ReportExportView(FileView, LabellingView):
    """The files of a campaign's report."""

    scopes: ClassVar = {"GET": Scope.REPORTS_READ}
    query: ClassVar = {"GET": ExportQuerySerializer}

    @operation(
        operation_id="campaign_export",
        summary="Download labels and report of a campaign as they are now",
        description=_FILES,
        answers=_ZIP,
        query=ExportQuerySerializer,
        problems=(404,),
        tag="Reports",
    )
    def get(self, request: Request, campaign_id: int) -> HttpResponseBase:
        """Send the files."""
        campaign_with_report_or_404(campaign_id)
        return archive(FileFormat(self.parameters["format"]), live_contents(campaign_id))


class FrozenReportsView(LabellingView):
    """The frozen reports of a campaign."""

    scopes: ClassVar = {"GET": Scope.REPORTS_READ}
    query: ClassVar = {"GET": PageQuerySerializer}

    @operation(
        operation_id="campaign_reports",
        summary="List the frozen reports of a campaign",
        description="The newest is first.",
        answers={200: page_serializer(FrozenReportSerializer)},
        query=PageQuerySerializer,
        problems=(404,),
        tag="Reports",
    )
    def get(self, request: Request, campaign_id: int) -> Response:
        """Answer a page of frozen reports."""
        self.visible_campaign(campaign_id)
        rows = frozen_reports(campaign_id)
        return self.present_page(FrozenReportSerializer, rows, order=("-number", "-id"))


class FrozenReportView(LabellingView):
    """A frozen report."""

    scopes: ClassVar = {"GET": Scope.REPORTS_READ}
    query: ClassVar = {"GET": QuerySerializer}

    @operation(
        operation_id="report_get",
        summary="Get a frozen report",
        answers={200: FrozenReportDetailSerializer},
        query=QuerySerializer,
        problems=(404,),
        tag="Reports",
    )
    def get(self, request: Request, report_id: int) -> Response:
        """Answer the figures and what they were made from."""
        return Response(self.present(FrozenReportDetailSerializer, frozen_or_404(report_id)))


class FrozenReportExportView(FileView, LabellingView):
    """The files of a frozen report."""

    scopes: ClassVar = {"GET": Scope.REPORTS_READ}
    query: ClassVar = {"GET": ExportQuerySerializer}

    @operation(
        operation_id="report_export",
        summary="Download labels and report of a frozen report",
        description=_FILES,
        answers=_ZIP,
        query=ExportQuerySerializer,
        problems=(404,),
        tag="Reports",
    )
    def get(self, request: Request, report_id: int) -> HttpResponseBase:
        """Send the files."""
        contents = frozen_contents(frozen_or_404(report_id))
        return archive(FileFormat(self.parameters["format"]), contents)
