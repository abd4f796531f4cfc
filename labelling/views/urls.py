"""The routes of labelling."""

from __future__ import annotations

from django.urls import URLPattern, path

from labelling.views import (
    answers,
    campaign_steps,
    campaigns,
    drawing,
    gold,
    guidelines,
    lease_media,
    pairs,
    photo_sets,
    photo_uploads,
    queue,
    report_files,
    reports,
    snapshots,
)

app_name = "labelling"

_REVIEWING: list[URLPattern] = [  # for reviewers
    path("review/", queue.review_queue, name="review_queue"),
    path("review/<int:campaign_id>/", queue.review, name="review"),
    path("review/<int:campaign_id>/next/", queue.review_next, name="review_next"),
    path("review/<int:campaign_id>/guideline/", queue.review_guideline, name="review_guideline"),
    path("review/<int:campaign_id>/mine/", reports.own_report, name="own_report"),
    path("review/answers/", answers.review_answer, name="review_answer"),
    path("review/undo/", answers.review_undo, name="review_undo"),
    path("review/leases/", queue.review_leases, name="review_leases"),
    path("review/leases/<uuid:token>/photo", lease_media.lease_photo, name="lease_photo"),
    path("review/leases/<uuid:token>/sound", lease_media.lease_sound, name="lease_sound"),
    path("review/examples/<int:example_id>/photo", lease_media.example_photo, name="example_photo"),
    path("review/examples/<int:example_id>/sound", lease_media.example_sound, name="example_sound"),
]

_PHOTO_SETS: list[URLPattern] = [  # for lead reviewers
    path("photo-sets/", photo_sets.photo_sets, name="photo_sets"),
    path("photo-sets/<int:photo_set_id>/", photo_sets.photo_set, name="photo_set"),
    path(
        "photo-sets/<int:photo_set_id>/upload/",
        photo_uploads.photo_set_upload,
        name="photo_set_upload",
    ),
    path(
        "photo-sets/<int:photo_set_id>/progress/",
        photo_sets.photo_set_progress,
        name="photo_set_progress",
    ),
    path(
        "photo-sets/<int:photo_set_id>/refresh/",
        photo_sets.photo_set_refresh,
        name="photo_set_refresh",
    ),
    path(
        "photo-sets/<int:photo_set_id>/delete/",
        photo_sets.photo_set_delete,
        name="photo_set_delete",
    ),
    path(
        "photo-sets/<int:photo_set_id>/photos/<int:photo_id>/remove/",
        photo_sets.photo_remove,
        name="photo_remove",
    ),
]

_CAMPAIGNS: list[URLPattern] = [  # for lead reviewers
    path("campaigns/", campaigns.campaigns, name="campaigns"),
    path("campaigns/new/", campaigns.campaign_new, name="campaign_new"),
    path("campaigns/<int:campaign_id>/", campaigns.campaign, name="campaign"),
    path("campaigns/<int:campaign_id>/edit/", campaigns.campaign_edit, name="campaign_edit"),
    path("campaigns/<int:campaign_id>/draw/", drawing.campaign_draw, name="campaign_draw"),
    path(
        "campaigns/<int:campaign_id>/steps/", campaign_steps.campaign_steps, name="campaign_steps"
    ),
    path("campaigns/<int:campaign_id>/report/", reports.report, name="report"),
    path("campaigns/<int:campaign_id>/pairs/<int:pair_id>/", pairs.pair, name="pair"),
    path(
        "campaigns/<int:campaign_id>/pairs/<int:pair_id>/adjudicate/",
        pairs.pair_adjudicate,
        name="pair_adjudicate",
    ),
    path(
        "campaigns/<int:campaign_id>/pairs/<int:pair_id>/reopen/",
        pairs.pair_reopen,
        name="pair_reopen",
    ),
]

_GUIDELINES: list[URLPattern] = [  # for lead reviewers
    path("guidelines/", guidelines.guidelines, name="guidelines"),
    path("guidelines/new/", guidelines.guideline_new, name="guideline_new"),
    path("guidelines/<int:guideline_id>/", guidelines.guideline, name="guideline"),
    path("guidelines/<int:guideline_id>/edit/", guidelines.guideline_edit, name="guideline_edit"),
    path(
        "guidelines/<int:guideline_id>/publish/",
        guidelines.guideline_publish,
        name="guideline_publish",
    ),
    path(
        "guidelines/<int:guideline_id>/delete/",
        guidelines.guideline_delete,
        name="guideline_delete",
    ),
    path(
        "guidelines/<int:guideline_id>/versions/",
        guidelines.guideline_version,
        name="guideline_version",
    ),
    path("guidelines/<int:guideline_id>/examples/", guidelines.example_new, name="example_new"),
    path(
        "guidelines/<int:guideline_id>/examples/<int:example_id>/remove/",
        guidelines.example_remove,
        name="example_remove",
    ),
    path("gold/", gold.gold, name="gold"),
    path("gold/new/", gold.gold_new, name="gold_new"),
    path("gold/<int:gold_id>/remove/", gold.gold_remove, name="gold_remove"),
]

_FROZEN_REPORTS: list[URLPattern] = [  # for lead reviewers; when the campaign is closed, for all
    path("frozen-reports/<int:report_id>/", snapshots.frozen_report, name="frozen_report"),
    path("frozen-reports/<int:report_id>/data", report_files.frozen_data, name="frozen_data"),
    path(
        "frozen-reports/<int:report_id>/files/<slug:kind>/",
        report_files.frozen_report_file,
        name="frozen_report_file",
    ),
    path(
        "campaigns/<int:campaign_id>/report/freeze/", snapshots.report_freeze, name="report_freeze"
    ),
    path(
        "campaigns/<int:campaign_id>/report/files/<slug:kind>/",
        report_files.report_file,
        name="report_file",
    ),
]

urlpatterns = [*_REVIEWING, *_PHOTO_SETS, *_CAMPAIGNS, *_GUIDELINES, *_FROZEN_REPORTS]
