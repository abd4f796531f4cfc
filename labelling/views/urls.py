"""The routes of labelling."""

from __future__ import annotations

from django.urls import URLPattern, path

from labelling.views import campaigns, gold, guidelines, photo_sets, photo_uploads

app_name = "labelling"

_REVIEWING: list[URLPattern] = [  # for reviewers
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
]

_GUIDELINES: list[URLPattern] = [  # for lead reviewers
    path("guidelines/", guidelines.guidelines, name="guidelines"),
    path("gold/", gold.gold, name="gold"),
]

urlpatterns = [*_REVIEWING, *_PHOTO_SETS, *_CAMPAIGNS, *_GUIDELINES]
