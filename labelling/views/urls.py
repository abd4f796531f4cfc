"""The routes of labelling."""

from __future__ import annotations

from django.urls import URLPattern, path

from labelling.views import answers, campaigns, gold, guidelines, lease_media, queue

app_name = "labelling"

_REVIEWING: list[URLPattern] = [  # for reviewers
    path("review/", queue.review_queue, name="review_queue"),
    path("review/<int:campaign_id>/", queue.review, name="review"),
    path("review/<int:campaign_id>/next/", queue.review_next, name="review_next"),
    path("review/<int:campaign_id>/guideline/", queue.review_guideline, name="review_guideline"),
    path("review/answers/", answers.review_answer, name="review_answer"),
    path("review/undo/", answers.review_undo, name="review_undo"),
    path("review/leases/", queue.review_leases, name="review_leases"),
    path("review/leases/<uuid:token>/photo", lease_media.lease_photo, name="lease_photo"),
    path("review/leases/<uuid:token>/sound", lease_media.lease_sound, name="lease_sound"),
    path("review/examples/<int:example_id>/photo", lease_media.example_photo, name="example_photo"),
    path("review/examples/<int:example_id>/sound", lease_media.example_sound, name="example_sound"),
]

_PHOTO_SETS: list[URLPattern] = [  # for lead reviewers
]

_CAMPAIGNS: list[URLPattern] = [  # for lead reviewers
    path("campaigns/", campaigns.campaigns, name="campaigns"),
]

_GUIDELINES: list[URLPattern] = [  # for lead reviewers
    path("guidelines/", guidelines.guidelines, name="guidelines"),
    path("gold/", gold.gold, name="gold"),
]

urlpatterns = [*_REVIEWING, *_PHOTO_SETS, *_CAMPAIGNS, *_GUIDELINES]
