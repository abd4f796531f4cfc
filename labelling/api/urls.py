"""The routes of the API that concern campaigns and reports."""

from __future__ import annotations

from django.urls import URLPattern, path

from labelling.api import campaigns, grading, lease_media, reports

urlpatterns: list[URLPattern] = [
    path("campaigns", campaigns.CampaignsView.as_view(), name="campaigns"),
    path("campaigns/<int:campaign_id>", campaigns.CampaignView.as_view(), name="campaign"),
    path(
        "campaigns/<int:campaign_id>/progress",
        campaigns.CampaignProgressView.as_view(),
        name="campaign_progress",
    ),
    path("campaigns/<int:campaign_id>/next", grading.NextPairsView.as_view(), name="campaign_next"),
    path("campaigns/<int:campaign_id>/report", reports.ReportView.as_view(), name="report"),
    path(
        "campaigns/<int:campaign_id>/export",
        reports.ReportExportView.as_view(),
        name="report_export",
    ),
    path(
        "campaigns/<int:campaign_id>/reports",
        reports.FrozenReportsView.as_view(),
        name="frozen_reports",
    ),
    path("reports/<int:report_id>", reports.FrozenReportView.as_view(), name="frozen_report"),
    path(
        "reports/<int:report_id>/export",
        reports.FrozenReportExportView.as_view(),
        name="frozen_report_export",
    ),
    path("grades", grading.GradesView.as_view(), name="grades"),
    path("skips", grading.SkipsView.as_view(), name="skips"),
    path("undos", grading.UndosView.as_view(), name="undos"),
    path("leases", grading.LeasesView.as_view(), name="leases"),
    path("leases/<uuid:token>/photo", lease_media.LeasePhotoView.as_view(), name="lease_photo"),
    path("leases/<uuid:token>/sound", lease_media.LeaseSoundView.as_view(), name="lease_sound"),
    path(
        "examples/<int:example_id>/photo",
        lease_media.ExamplePhotoView.as_view(),
        name="example_photo",
    ),
    path(
        "examples/<int:example_id>/sound",
        lease_media.ExampleSoundView.as_view(),
        name="example_sound",
    ),
]
