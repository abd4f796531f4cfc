"""The routes of labelling."""

from __future__ import annotations

from django.urls import URLPattern, path

from labelling.views import campaigns, gold, guidelines

app_name = "labelling"

_REVIEWING: list[URLPattern] = [  # for reviewers
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
